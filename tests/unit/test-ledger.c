/* SPDX-License-Identifier: MIT */
/* The ledger in a directory of its own: locks, damage, the two places. As root or as anybody. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "temproot.h"

#include "backend/ledger.h"
#include "os/clock.h"

#define TARGET "user-1000.slice"
#define RUN "/run/leash"
#define LIB "/var/lib/leash"

/* What was flushed to disk, in turn: 't' a file under its temporary name, 'd' the place that it is
 * in, as the name is there by then. */
static char *synced(void) {
        static char what[16];

        return what;
}

/* Stands before the C library's. */
int fsync(int fd) {
        char link[64], path[PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        path[n > 0 ? n : 0] = '\0';
        if (strlen(synced()) < 15 && n > 4 && strcmp(path + n - 4, ".tmp") == 0)
                (void) strcat(synced(), "t");
        if (strlen(synced()) < 15 && n > 6 && strcmp(path + n - 6, "/leash") == 0)
                (void) strcat(synced(), faccessat(fd, TARGET, F_OK, 0) == 0 ? "d" : "-");
        return 0;
}

int syncfs(int fd _unused_) {
        return 0; /* the host's disks are not what is tested */
}

/* A lock file that is replaced between being opened and being locked. */
static const char **replaced_lock(void) {
        static const char *path;

        return &path;
}

int flock(int fd, int operation) {
        const char *path = *replaced_lock();

        if (path) {
                *replaced_lock() = NULL;
                assert_int_equal(unlink(path), 0);
                assert_int_equal(close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600)), 0);
        }
        return syscall(SYS_flock, fd, operation);
}

static Ledger *open_ledger(const char *root) {
        Ledger *l = NULL;

        assert_int_equal(ledger_open(root, true, &l), 0);
        return l;
}

static Record *new_record(const char *target, uid_t uid, uint64_t quota) {
        Record *r = record_new(target, TARGET_USER, uid, "alice");
        Limits l = {};

        assert_non_null(r);
        limits_set(&l, LIMIT_CPU_QUOTA, quota);
        assert_int_equal(
                record_set_layer(r, LAYER_MANUAL, &l, "admin", "too\nloud", 1, USEC_INFINITY), 0);
        r->serial = quota;
        return r;
}

static void write_record(Ledger *l, const char *target, uid_t uid, uint64_t quota, bool persist) {
        _cleanup_(record_freep) Record *r = new_record(target, uid, quota);

        r->persist = persist;
        assert_int_equal(ledger_write(l, r), 0);
}

/* The quota of a target's record, or the error. */
static int64_t read_quota(Ledger *l, const char *target) {
        _cleanup_(record_freep) Record *r = NULL;
        int k = ledger_read(l, target, &r);

        if (k < 0) {
                assert_null(r);
                return k;
        }
        assert_string_equal(r->target, target);
        return r->layers[LAYER_MANUAL].limits.value[LIMIT_CPU_QUOTA];
}

static void there_is_none_until_it_is_made(void **state) {
        _cleanup_(ledger_freep) Ledger *l = NULL;

        assert_int_equal(ledger_open(*state, false, &l), -ENOENT);
        assert_null(l);
        assert_false(temproot_exists(*state, "/run"));
        assert_int_equal(ledger_open(*state, true, &l), 0);
        assert_int_equal(temproot_mode(*state, RUN), 0700);
        assert_false(temproot_exists(*state, LIB));
        l = ledger_free(l);
        assert_int_equal(ledger_open(*state, false, &l), 0);
}

static void its_places_are_for_their_owner_alone(void **state) {
        mode_t before = umask(0);
        Ledger *l;

        temproot_mkdir(*state, "/run", 0755);
        temproot_mkdir(*state, "/var/lib", 0755);
        l = open_ledger(*state);
        write_record(l, TARGET, 1000, 1, true);
        assert_int_equal(temproot_mode(*state, RUN), 0700);
        assert_int_equal(temproot_mode(*state, LIB), 0700);
        assert_int_equal(temproot_mode(*state, LIB "/" TARGET), 0600);
        l = ledger_free(l);
        (void) umask(before);
}

static void a_record_is_written_read_and_deleted(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        _cleanup_(record_freep) Record *r = new_record(TARGET, 1000, 500000), *again = NULL;

        assert_int_equal(read_quota(l, TARGET), -ENOENT);
        assert_int_equal(ledger_write(l, r), 0);
        assert_int_equal(temproot_mode(*state, RUN "/" TARGET), 0600);
        assert_false(temproot_exists(*state, RUN "/." TARGET ".tmp"));
        assert_int_equal(ledger_read(l, TARGET, &again), 0);
        assert_string_equal(again->layers[LAYER_MANUAL].reason, "too\nloud");
        write_record(l, TARGET, 1000, 250000, false);
        assert_int_equal(read_quota(l, TARGET), 250000);
        assert_int_equal(read_quota(l, "user-1001.slice"), -ENOENT);
        assert_int_equal(ledger_delete(l, r), 0);
        assert_int_equal(read_quota(l, TARGET), -ENOENT);
        assert_int_equal(ledger_delete(l, r), 0); /* as often as one likes */
}

static void a_record_that_persists_is_in_the_other_place(void **state) {
        _cleanup_(record_freep) Record *r = new_record(TARGET, 1000, 3);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);

        write_record(l, TARGET, 1000, 1, false);
        assert_true(temproot_exists(*state, RUN "/" TARGET));
        write_record(l, TARGET, 1000, 2, true);
        assert_int_equal(temproot_mode(*state, LIB), 0700);
        assert_true(temproot_exists(*state, LIB "/" TARGET));
        assert_false(temproot_exists(*state, RUN "/" TARGET));
        assert_int_equal(read_quota(l, TARGET), 2);
        write_record(l, TARGET, 1000, 3, false);
        assert_true(temproot_exists(*state, RUN "/" TARGET));
        assert_false(temproot_exists(*state, LIB "/" TARGET));
        assert_int_equal(read_quota(l, TARGET), 3);
        write_record(l, TARGET, 1000, 4, true);
        assert_int_equal(ledger_delete(l, r), 0);
        assert_int_equal(read_quota(l, TARGET), -ENOENT);
}

static void a_record_that_persists_is_on_disk_before_it_has_its_name_and_then_that(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);

        synced()[0] = '\0';
        write_record(l, TARGET, 1000, 1, true);
        assert_string_equal(synced(), "td");
}

static void after_a_reboot_the_other_place_is_enough(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        _cleanup_free_ char *run = file_path("%s" RUN, (char *) *state);

        write_record(l, TARGET, 1000, 7, true);
        l = ledger_free(l);
        assert_int_equal(rmdir(run), 0);
        assert_int_equal(ledger_open(*state, false, &l), 0);
        assert_int_equal(read_quota(l, TARGET), 7);
        write_record(l, "user-1001.slice", 1001, 8, false);
        assert_true(temproot_exists(*state, RUN "/user-1001.slice"));
        assert_int_equal(read_quota(l, "user-1001.slice"), 8);
}

/* Whoever only looks may be the first after a reboot, and finds one place; who changes makes both.
 */
static void lookers_and_changers_share_a_lock(void **state) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL, *other = NULL;
        _cleanup_(ledger_freep) Ledger *looker = NULL, *changer = NULL;

        temproot_mkdir(*state, LIB, 0700);
        assert_int_equal(ledger_open(*state, false, &looker), 0);
        changer = open_ledger(*state);
        assert_int_equal(ledger_lock(looker, TARGET, 0, &lock), 0);
        assert_int_equal(ledger_lock(changer, TARGET, 0, &other), -EBUSY);
}

/* A leash killed between writing the one place and clearing the other leaves two records. */
static void the_newer_of_two_records_counts(void **state) {
        for (int persist = 0; persist <= 1; persist++) {
                _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
                const char *older = persist ? RUN "/" TARGET : LIB "/" TARGET;
                _cleanup_free_ char *text = NULL;
                size_t n, damaged;
                Record **records;

                write_record(l, TARGET, 1000, 1, !persist);
                text = temproot_read(*state, older);
                assert_non_null(text);
                write_record(l, TARGET, 1000, 2, persist);
                temproot_write(*state, older, text);
                assert_int_equal(read_quota(l, TARGET), 2);
                assert_int_equal(ledger_read_all(l, &records, &n, &damaged), 0);
                assert_int_equal(n, 1);
                assert_int_equal(records[0]->serial, 2);
                assert_int_equal(damaged, 0);
                ledger_free_records(records, n);
                write_record(l, TARGET, 1000, 3, persist);
                assert_false(temproot_exists(*state, older));
        }
}

static void a_lock_excludes_until_it_is_let_go(void **state) {
        _cleanup_(ledger_freep) Ledger *a = open_ledger(*state), *b = open_ledger(*state);
        LedgerLock *lock = NULL, *other = NULL;
        usec_t start;

        assert_int_equal(ledger_lock(a, TARGET, 0, &lock), 0);
        assert_int_equal(ledger_lock(b, TARGET, 0, &other), -EBUSY);
        assert_int_equal(ledger_lock(a, TARGET, 0, &other), -EBUSY);
        start = clock_monotonic();
        assert_int_equal(ledger_lock(b, TARGET, 30 * USEC_PER_MSEC, &other), -EBUSY);
        assert_true(clock_monotonic() - start >= 30 * USEC_PER_MSEC);
        assert_null(other);
        assert_int_equal(ledger_lock(b, "user-1001.slice", 0, &other), 0);
        other = ledger_unlock(other);
        lock = ledger_unlock(lock);
        assert_null(lock);
        assert_int_equal(ledger_lock(b, TARGET, 0, &other), 0);
        other = ledger_unlock(other);
        assert_null(ledger_unlock(NULL));
}

/* Its holder has let go, and a third one has taken the name meanwhile. */
static void a_lock_file_without_a_name_is_no_lock(void **state) {
        _cleanup_free_ char *path = file_path("%s" RUN "/" TARGET ".lock", (char *) *state);
        _cleanup_(ledger_freep) Ledger *a = open_ledger(*state), *b = open_ledger(*state);
        LedgerLock *lock = NULL, *other = NULL;

        *replaced_lock() = path;
        assert_int_equal(ledger_lock(a, TARGET, 20 * USEC_PER_SEC, &lock), 0);
        assert_null(*replaced_lock());
        assert_int_equal(ledger_lock(b, TARGET, 0, &other), -EBUSY);
        lock = ledger_unlock(lock);
        assert_false(temproot_exists(*state, RUN "/" TARGET ".lock"));
}

static void a_lock_file_that_is_a_link_is_refused(void **state) {
        _cleanup_free_ char *path = file_path("%s" RUN "/" TARGET ".lock", (char *) *state),
                            *to = file_path("%s/to", (char *) *state);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;

        assert_int_equal(symlink(to, path), 0);
        assert_int_equal(ledger_lock(l, TARGET, 0, &lock), -ELOOP);
        assert_null(lock);
        assert_false(temproot_exists(*state, "/to"));
}

static void no_lock_file_stays(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;

        assert_int_equal(ledger_lock(l, TARGET, 0, &lock), 0);
        assert_int_equal(temproot_mode(*state, RUN "/" TARGET ".lock"), 0600);
        lock = ledger_unlock(lock);
        assert_false(temproot_exists(*state, RUN "/" TARGET ".lock"));
}

/* Runs `work` in a child, and waits until it says through the pipe that it holds the lock. */
static pid_t start_child(const char *root, usec_t hold,
                         bool (*work)(const char *root, usec_t hold, int pipe_fd)) {
        int fds[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(!work(root, hold, fds[1]));
        (void) close(fds[1]);
        assert_int_equal(read(fds[0], &byte, 1), 1);
        (void) close(fds[0]);
        return pid;
}

static bool hold_lock(const char *root, usec_t hold, int pipe_fd) {
        LedgerLock *lock = NULL;
        Ledger *l = NULL;

        if (ledger_open(root, true, &l) < 0 || ledger_lock(l, TARGET, 0, &lock) < 0 ||
            write(pipe_fd, "x", 1) != 1)
                return false;
        clock_sleep(hold);
        (void) ledger_unlock(lock);
        return true;
}

static pid_t start_holder(const char *root, usec_t hold) {
        return start_child(root, hold, hold_lock);
}

static void the_lock_of_the_dead_is_free(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;
        pid_t pid = start_holder(*state, 60 * USEC_PER_SEC);

        assert_int_equal(ledger_lock(l, TARGET, 0, &lock), -EBUSY);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(temproot_exists(*state, RUN "/" TARGET ".lock"));
        assert_int_equal(ledger_lock(l, TARGET, USEC_PER_SEC, &lock), 0);
        lock = ledger_unlock(lock);
        assert_false(temproot_exists(*state, RUN "/" TARGET ".lock"));
}

static void waiting_gets_the_lock(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;
        pid_t pid = start_holder(*state, 30 * USEC_PER_MSEC);

        assert_int_equal(ledger_lock(l, TARGET, 20 * USEC_PER_SEC, &lock), 0);
        lock = ledger_unlock(lock);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Five holders of the lock, one right after the other: there is no moment without one. */
static bool hold_in_turn(const char *root, usec_t hold, int pipe_fd) {
        _cleanup_free_ char *name = file_path("%s" RUN "/" TARGET ".lock", root),
                            *next = file_path("%s" RUN "/next", root);

        for (int i = 0, old = -1; i < 5; i++) {
                int fd = open(next, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

                if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || rename(next, name) < 0 ||
                    (i == 0 && write(pipe_fd, "x", 1) != 1))
                        return false;
                if (old >= 0)
                        (void) close(old);
                old = fd;
                clock_sleep(hold);
        }
        return unlink(name) == 0;
}

static void a_queue_is_waited_for_while_it_moves(void **state) {
        const usec_t hold = 400 * USEC_PER_MSEC;
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;
        usec_t start = clock_monotonic();
        pid_t pid = start_child(*state, hold, hold_in_turn);
        int status;

        /* less than the five of them hold it together, and more than each does */
        assert_int_equal(ledger_lock(l, TARGET, hold / 2, &lock), -EBUSY);
        assert_int_equal(ledger_lock_in_turn(l, TARGET, 4 * hold, &lock), 0);
        assert_true(clock_monotonic() - start >= 5 * hold);
        lock = ledger_unlock(lock);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void who_stands_still_is_not_waited_for(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;
        pid_t pid = start_holder(*state, 60 * USEC_PER_SEC);

        assert_int_equal(ledger_lock_in_turn(l, TARGET, 30 * USEC_PER_MSEC, &lock), -EBUSY);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Adds one to the record's quota, the careful way. */
static bool add_one(Ledger *l) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        _cleanup_(record_freep) Record *r = NULL;

        if (ledger_lock(l, TARGET, 60 * USEC_PER_SEC, &lock) < 0 || ledger_read(l, TARGET, &r) < 0)
                return false;
        r->layers[LAYER_MANUAL].limits.value[LIMIT_CPU_QUOTA]++;
        return ledger_write(l, r) >= 0;
}

#define WRITERS 4
#define ROUNDS 20
#define NOTES 500

/* Lock files come and go all the while. */
static void no_change_is_lost_between_many(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);

        write_record(l, TARGET, 1000, 0, false);
        for (int i = 0; i < WRITERS; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        Ledger *mine = NULL;
                        bool fine = ledger_open(*state, true, &mine) >= 0;

                        for (int j = 0; j < ROUNDS && fine; j++)
                                fine = add_one(mine);
                        _exit(fine ? 0 : 1);
                }
        }
        for (int i = 0; i < WRITERS; i++) {
                int status;

                assert_true(wait(&status) > 0);
                assert_int_equal(status, 0);
        }
        assert_int_equal(read_quota(l, TARGET), WRITERS * ROUNDS);
}

static int leave_notes(const char *root) {
        _cleanup_(record_freep) Record *r = new_record(TARGET, 1000, 1);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(root);
        int k = 0;

        for (int i = 0; i < NOTES && k >= 0; i++)
                k = ledger_leave_note(l, r);
        return k;
}

/* Logins of one user at the same time, none of which waits for another. */
static void no_note_is_lost_between_many(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        int left = WRITERS;
        bool found = false;

        for (int i = 0; i < WRITERS; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        _exit(-leave_notes(*state));
        }
        while (left > 0) {
                _cleanup_(record_freep) Record *note = NULL;
                int status, r = ledger_take_note(l, TARGET, &note);

                assert_true(r == 0 || r == -ENOENT);
                found = found || r == 0;
                if (waitpid(-1, &status, WNOHANG) > 0) {
                        assert_int_equal(status, 0);
                        left--;
                }
        }
        if (!found) {
                _cleanup_(record_freep) Record *note = NULL;

                assert_int_equal(ledger_take_note(l, TARGET, &note), 0);
        }
}

static void check_set_aside(const char *root, Ledger *l, const char *place) {
        _cleanup_free_ char *target = file_path("%s/" TARGET, place),
                            *aside = file_path("%s/" TARGET ".damaged", place);

        assert_int_equal(read_quota(l, TARGET), -EBADMSG);
        assert_false(temproot_exists(root, target));
        assert_true(temproot_exists(root, aside));
        assert_int_equal(read_quota(l, TARGET), -ENOENT);
}

static void a_damaged_record_is_set_aside(void **state) {
        static const char *const texts[] = {
                "",
                "junk",
                "[leash]\n",
                "[leash]\nVersion=9\nTarget=" TARGET "\nUid=1000\n[end]\n",
                "[leash]\nTarget=" TARGET "\nUid=1000\n[files]\n../x=y\n[end]\n",
                "[leash]\nTarget=user-0.slice\nUid=0\n[end]\n", /* sound, but another's */
        };
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *kept = NULL;

                temproot_write(*state, RUN "/" TARGET, texts[i]);
                check_set_aside(*state, l, RUN);
                kept = temproot_read(*state, RUN "/" TARGET ".damaged");
                assert_non_null(kept);
                assert_string_equal(kept, texts[i]); /* for a person to look at */
        }
        write_record(l, TARGET, 1000, 5, false);
        assert_int_equal(read_quota(l, TARGET), 5);
        write_record(l, TARGET, 1000, 5, true);
        temproot_write(*state, LIB "/" TARGET, "junk");
        check_set_aside(*state, l, LIB);
}

static void a_record_too_large_to_be_one_is_damaged(void **state) {
        _cleanup_free_ char *path = file_path("%s" RUN "/" TARGET, (char *) *state);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);

        temproot_write(*state, RUN "/" TARGET, "");
        assert_int_equal(truncate(path, (off_t) RECORD_TEXT_MAX + 1), 0);
        check_set_aside(*state, l, RUN);
}

/* What could not be read back must not take the place of what can. */
static void a_record_too_large_to_be_read_back_is_not_written(void **state) {
        _cleanup_(record_freep) Record *r = new_record(TARGET, 1000, 6);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        size_t size = RECORD_TEXT_MAX / 4 + 1;

        write_record(l, TARGET, 1000, 5, false);
        free(r->layers[LAYER_MANUAL].reason);
        r->layers[LAYER_MANUAL].reason = malloc(size + 1);
        assert_non_null(r->layers[LAYER_MANUAL].reason);
        memset(r->layers[LAYER_MANUAL].reason, '\n', size);
        r->layers[LAYER_MANUAL].reason[size] = '\0';
        assert_int_equal(ledger_write(l, r), -EFBIG);
        assert_int_equal(read_quota(l, TARGET), 5);
}

static void what_is_no_file_is_damaged(void **state) {
        _cleanup_free_ char *path = file_path("%s" RUN "/" TARGET, (char *) *state);
        _cleanup_free_ char *aside = file_path("%s" RUN "/" TARGET ".damaged", (char *) *state);
        _cleanup_free_ char *elsewhere = file_path("%s/elsewhere", (char *) *state), *kept = NULL;
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);

        (void) alarm(20);
        assert_int_equal(mkdir(path, 0700), 0);
        check_set_aside(*state, l, RUN);
        assert_int_equal(rmdir(aside), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        check_set_aside(*state, l, RUN);
        temproot_write(*state, "/elsewhere", "[leash]\nTarget=" TARGET "\nUid=1000\n[end]\n");
        assert_int_equal(symlink(elsewhere, path), 0);
        check_set_aside(*state, l, RUN);
        kept = temproot_read(*state, "/elsewhere");
        assert_non_null(kept);
        (void) alarm(0);
}

/* EACCES stands for whatever may be better at the next try: ENFILE, EIO. */
static void a_record_that_cannot_be_read_now_stays(void **state) {
        _cleanup_free_ char *path = file_path("%s" RUN "/" TARGET, (char *) *state);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        bool root = geteuid() == 0;
        int64_t quota;

        write_record(l, TARGET, 1000, 5, false);
        assert_int_equal(chmod(path, 0), 0);
        if (root)
                assert_int_equal(seteuid(65534), 0);
        quota = read_quota(l, TARGET);
        if (root)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(quota, -EACCES);
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(read_quota(l, TARGET), 5);
}

/* What a killed write left lies beside the record, and means nothing. */
static void half_written_records_are_not_seen(void **state) {
        _cleanup_(record_freep) Record *r = new_record(TARGET, 1000, 5);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        size_t n, damaged;
        Record **records;

        temproot_write(*state, RUN "/." TARGET ".tmp", "[leash]\nTar");
        assert_int_equal(read_quota(l, TARGET), -ENOENT);
        assert_int_equal(ledger_read_all(l, &records, &n, &damaged), 0);
        assert_int_equal(n, 0);
        assert_int_equal(damaged, 0);
        ledger_free_records(records, n);
        assert_int_equal(ledger_write(l, r), 0);
        assert_int_equal(read_quota(l, TARGET), 5);
        temproot_write(*state, RUN "/." TARGET ".tmp", "[leash]\nTar");
        assert_int_equal(ledger_delete(l, r), 0);
        assert_false(temproot_exists(*state, RUN "/." TARGET ".tmp"));
}

static void what_killed_programs_left_is_swept_away(void **state) {
        static const char *const left[] = { RUN "/." TARGET ".tmp", RUN "/user-1001.slice.lock",
                                            LIB "/.session-3.scope.tmp",
                                            RUN "/session-3.scope.lock",
                                            RUN "/.user-4.slice.note.77.tmp" };
        static const char *const kept[] = { RUN "/" TARGET,
                                            RUN "/user-5.slice.damaged",
                                            RUN "/README",
                                            RUN "/.hidden",
                                            RUN "/.notes.tmp",
                                            RUN "/notes.lock",
                                            RUN "/.tmp",
                                            RUN "/.lock",
                                            LIB "/user-9.slice",
                                            RUN "/.user-7.slice.tmp",
                                            RUN "/.user-6.slice.note.77.tmp" };
        static const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
        _cleanup_free_ char *old = file_path("%s%s", (char *) *state, left[ELEMENTSOF(left) - 1]);
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state), *other = open_ledger(*state);
        LedgerLock *lock = NULL;

        temproot_mkdir(*state, LIB, 0700);
        l = ledger_free(l);
        l = open_ledger(*state);
        for (size_t i = 0; i < ELEMENTSOF(left); i++)
                temproot_write(*state, left[i], "x");
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                temproot_write(*state, kept[i], "x");
        assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
        /* Somebody is writing this one right now. */
        assert_int_equal(ledger_lock(other, "user-7.slice", 0, &lock), 0);
        ledger_sweep(l);
        for (size_t i = 0; i < ELEMENTSOF(left); i++)
                check_row(left[i], !temproot_exists(*state, left[i]));
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                check_row(kept[i], temproot_exists(*state, kept[i]));
        assert_true(temproot_exists(*state, RUN "/user-7.slice.lock"));
        lock = ledger_unlock(lock);
        ledger_sweep(l);
        assert_false(temproot_exists(*state, RUN "/.user-7.slice.tmp"));
}

static void all_records_come_sorted(void **state) {
        static const char *const expected[] = { "session-2.scope",         "user-5.slice",
                                                "leash-tree-1000-7.scope", "session-1.scope",
                                                "user-1000.slice",         "user-70000.slice" };
        static const uid_t uids[] = { 5, 5, 1000, 1000, 1000, 70000 };
        static const size_t order[] = { 4, 0, 5, 2, 1, 3 };
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        LedgerLock *lock = NULL;
        size_t n, damaged;
        Record **records;

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                write_record(l, expected[order[i]], uids[order[i]], 1, i % 2 == 0);
        temproot_write(*state, RUN "/user-8.slice", "junk");
        temproot_write(*state, LIB "/user-9.slice", "junk");
        temproot_write(*state, RUN "/user-10.slice.damaged", "junk");
        temproot_write(*state, RUN "/README", "not a record");
        assert_int_equal(ledger_lock(l, "user-5.slice", 0, &lock), 0);
        assert_int_equal(ledger_read_all(l, &records, &n, &damaged), 0);
        assert_int_equal(n, ELEMENTSOF(expected));
        assert_int_equal(damaged, 2);
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(records[i]->target, expected[i]);
                assert_int_equal(records[i]->uid, uids[i]);
        }
        ledger_free_records(records, n);
        lock = ledger_unlock(lock);
        assert_true(temproot_exists(*state, RUN "/user-8.slice.damaged"));
        assert_true(temproot_exists(*state, LIB "/user-9.slice.damaged"));
        assert_true(temproot_exists(*state, RUN "/README"));
        assert_int_equal(ledger_read_all(l, &records, &n, &damaged), 0);
        assert_int_equal(n, ELEMENTSOF(expected));
        assert_int_equal(damaged, 0);
        ledger_free_records(records, n);
}

static void an_empty_ledger_has_no_records(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        size_t n = 7, damaged = 7;
        Record **records;

        assert_int_equal(ledger_read_all(l, &records, &n, &damaged), 0);
        assert_int_equal(n, 0);
        assert_int_equal(damaged, 0);
        ledger_free_records(records, n);
}

static void many_records_are_read(void **state) {
        _cleanup_(ledger_freep) Ledger *l = open_ledger(*state);
        size_t n, damaged;
        Record **records;

        for (uid_t uid = 1000; uid < 1100; uid++) {
                char target[32];

                (void) snprintf(target, sizeof(target), "user-%u.slice", uid);
                write_record(l, target, uid, uid, false);
        }
        assert_int_equal(ledger_read_all(l, &records, &n, &damaged), 0);
        assert_int_equal(n, 100);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(records[i]->serial, 1000 + i);
        ledger_free_records(records, n);
}

/* Base values and file contents go back from here with root's rights. */
static void a_dir_others_may_write_to_is_refused(void **state) {
        static const char *const places[] = { RUN, LIB };
        static const mode_t modes[] = { 0770, 0707, 0777, 01777, 0720, 0702 };
        int expected = geteuid() == 0 ? -EPERM : -EACCES;

        temproot_mkdir(*state, RUN, 0700);
        temproot_mkdir(*state, LIB, 0700);
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = file_path("%s%s", (char *) *state, places[i]);

                for (size_t j = 0; j < ELEMENTSOF(modes); j++) {
                        Ledger *l = NULL;

                        assert_int_equal(chmod(path, modes[j]), 0);
                        assert_int_equal(ledger_open(*state, true, &l), expected);
                        assert_int_equal(ledger_open(*state, false, &l), expected);
                        assert_null(l);
                }
                assert_int_equal(chmod(path, 0700), 0);
        }
}

static void a_dir_of_somebody_else_is_refused(void **state) {
        Ledger *l = NULL;

        if (geteuid() != 0)
                skip(); /* only root can give a directory away */
        temproot_mkdir(*state, RUN, 0700);
        for (int lib = 0; lib <= 1; lib++) {
                _cleanup_free_ char *path = file_path("%s%s", (char *) *state, lib ? LIB : RUN);

                temproot_mkdir(*state, LIB, 0700);
                assert_int_equal(chown(path, 65534, 65534), 0);
                assert_int_equal(ledger_open(*state, true, &l), -EPERM);
                assert_null(l);
                assert_int_equal(chown(path, 0, 0), 0);
        }
        assert_int_equal(ledger_open(*state, true, &l), 0);
        l = ledger_free(l);
}

static void a_dir_that_is_a_link_is_refused(void **state) {
        _cleanup_free_ char *link = file_path("%s" RUN, (char *) *state),
                            *to = file_path("%s/to", (char *) *state);
        Ledger *l = NULL;

        temproot_mkdir(*state, "/run", 0755);
        temproot_mkdir(*state, "/to", 0700);
        assert_int_equal(symlink(to, link), 0);
        assert_true(ledger_open(*state, true, &l) < 0);
        assert_null(l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temproot_setup, temproot_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(there_is_none_until_it_is_made),
                TEST(its_places_are_for_their_owner_alone),
                TEST(a_record_is_written_read_and_deleted),
                TEST(a_record_that_persists_is_in_the_other_place),
                TEST(a_record_that_persists_is_on_disk_before_it_has_its_name_and_then_that),
                TEST(after_a_reboot_the_other_place_is_enough),
                TEST(lookers_and_changers_share_a_lock),
                TEST(the_newer_of_two_records_counts),
                TEST(a_lock_excludes_until_it_is_let_go),
                TEST(a_lock_file_without_a_name_is_no_lock),
                TEST(a_lock_file_that_is_a_link_is_refused),
                TEST(no_lock_file_stays),
                TEST(the_lock_of_the_dead_is_free),
                TEST(waiting_gets_the_lock),
                TEST(a_queue_is_waited_for_while_it_moves),
                TEST(who_stands_still_is_not_waited_for),
                TEST(no_change_is_lost_between_many),
                TEST(no_note_is_lost_between_many),
                TEST(a_damaged_record_is_set_aside),
                TEST(a_record_too_large_to_be_one_is_damaged),
                TEST(a_record_too_large_to_be_read_back_is_not_written),
                TEST(what_is_no_file_is_damaged),
                TEST(a_record_that_cannot_be_read_now_stays),
                TEST(half_written_records_are_not_seen),
                TEST(what_killed_programs_left_is_swept_away),
                TEST(all_records_come_sorted),
                TEST(an_empty_ledger_has_no_records),
                TEST(many_records_are_read),
                TEST(a_dir_others_may_write_to_is_refused),
                TEST(a_dir_of_somebody_else_is_refused),
                TEST(a_dir_that_is_a_link_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
