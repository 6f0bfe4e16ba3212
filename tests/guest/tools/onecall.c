/* SPDX-License-Identifier: MIT */
/* onecall UNIT PERCENT: sets the CPU quota of a unit for this boot with as little as that takes: no
 * library but libc, one connection to PID 1, one call put together by hand, one look at the
 * answer's first bytes. For benchmarks: nothing that has PID 1 set a quota can take less. Exit
 * status 0 if PID 1 did it. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* D-Bus, little-endian (https://dbus.freedesktop.org/doc/dbus-specification.html) */
typedef struct {
        size_t n;
        unsigned char bytes[1024];
} Message;

static void align(Message *m, size_t to) {
        while (m->n % to != 0)
                m->bytes[m->n++] = 0;
}

static void put(Message *m, const void *bytes, size_t n) {
        if (n > sizeof(m->bytes) - m->n - 16) {
                fputs("onecall: the name is too long\n", stderr);
                exit(2);
        }
        memcpy(m->bytes + m->n, bytes, n);
        m->n += n;
}

static void put_number(Message *m, uint32_t number) {
        align(m, 4);
        put(m, &number, sizeof(number));
}

static void put_string(Message *m, const char *text) {
        put_number(m, (uint32_t) strlen(text));
        put(m, text, strlen(text) + 1);
}

static void put_signature(Message *m, const char *signature) {
        m->bytes[m->n++] = (unsigned char) strlen(signature);
        put(m, signature, strlen(signature) + 1);
}

static void put_field(Message *m, unsigned char field, const char *type, const char *value) {
        align(m, 8);
        m->bytes[m->n++] = field;
        put_signature(m, type);
        if (type[0] == 'g')
                put_signature(m, value);
        else
                put_string(m, value);
}

static void put_arguments(Message *m, const char *unit, uint64_t usec_per_second) {
        size_t length, start;
        uint32_t n;

        put_string(m, unit);
        put_number(m, 1); /* for this boot */
        put_number(m, 0);
        length = m->n - sizeof(n);
        align(m, 8);
        start = m->n;
        put_string(m, "CPUQuotaPerSecUSec");
        put_signature(m, "t");
        align(m, 8);
        put(m, &usec_per_second, sizeof(usec_per_second));
        n = (uint32_t) (m->n - start);
        memcpy(m->bytes + length, &n, sizeof(n));
}

static void put_call(Message *m, const Message *arguments) {
        static const unsigned char method_call[] = { 'l', 1, 0, 1 };
        uint32_t n;

        put(m, method_call, sizeof(method_call));
        put_number(m, (uint32_t) arguments->n);
        put_number(m, 1); /* serial */
        put_number(m, 0); /* the length of the fields, below */
        put_field(m, 1, "o", "/org/freedesktop/systemd1");
        put_field(m, 2, "s", "org.freedesktop.systemd1.Manager");
        put_field(m, 3, "s", "SetUnitProperties");
        /* A call that fits with what comes before it into the 256 bytes that PID 1 reads at first
         * is answered when the caller hangs up, and not before (seen with 252). */
        put_field(m, 6, "s", "org.freedesktop.systemd1");
        put_field(m, 8, "g", "sba(sv)");
        n = (uint32_t) m->n - 16;
        memcpy(m->bytes + 12, &n, sizeof(n));
        align(m, 8);
        put(m, arguments->bytes, arguments->n);
}

/* Whether the answer is a return and no error; -1 if none came. */
static int answer(int fd) {
        char said[4096];
        size_t n = 0;
        ssize_t k;

        while ((k = read(fd, said + n, sizeof(said) - n)) > 0) {
                n += (size_t) k;
                if (memmem(said, n, "l\2\1\1", 4))
                        return 1;
                if (memmem(said, n, "l\3\1\1", 4))
                        return 0;
        }
        return -1;
}

int main(int argc, char **argv) {
        static const char begin[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
        const struct sockaddr_un pid1 = { .sun_family = AF_UNIX,
                                          .sun_path = "/run/systemd/private" };
        Message arguments = { .n = 0 }, call = { .n = 0 };
        int fd, r;

        if (argc != 3) {
                fputs("usage: onecall UNIT PERCENT\n", stderr);
                return 2;
        }
        put_arguments(&arguments, argv[1], strtoull(argv[2], NULL, 10) * 10000);
        put_call(&call, &arguments);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &pid1, sizeof(pid1)) < 0 ||
            write(fd, begin, sizeof(begin) - 1) < 0 || write(fd, call.bytes, call.n) < 0) {
                fprintf(stderr, "onecall: PID 1 cannot be asked: %s\n", strerror(errno));
                return 1;
        }
        r = answer(fd);
        (void) close(fd); /* nothing was promised after the answer */
        if (r <= 0)
                fputs(r < 0 ? "onecall: PID 1 hung up\n" : "onecall: PID 1 refused\n", stderr);
        return r > 0 ? 0 : 1;
}
