/* SPDX-License-Identifier: MIT */
/* pamtime SERVICE USER: opens a session through PAM, as sshd does, closes it, and prints how long
 * it took, in ms: the stack to load (which libpam does when it is first asked for anything), the
 * session to open, and it to close. For benchmarks. Exit status 0 if the session was opened. */

#include <security/pam_appl.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
        return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret,
                    void *data) {
        (void) n, (void) messages, (void) ret, (void) data;
        return PAM_CONV_ERR; /* nobody is there to be asked */
}

int main(int argc, char *argv[]) {
        const struct pam_conv conversation = { .conv = converse };
        pam_handle_t *pamh = NULL;
        double start, loaded, opened;
        int r;

        if (argc != 3) {
                fprintf(stderr, "usage: pamtime SERVICE USER\n");
                return 2;
        }
        start = now();
        r = pam_start(argv[1], argv[2], &conversation, &pamh);
        if (r == PAM_SUCCESS)
                r = pam_acct_mgmt(pamh, 0);
        loaded = now();
        if (r == PAM_SUCCESS)
                r = pam_open_session(pamh, PAM_SILENT);
        opened = now();
        if (r != PAM_SUCCESS) {
                fprintf(stderr, "pamtime: %s: %s\n", argv[1], pam_strerror(pamh, r));
                return 1;
        }
        (void) pam_close_session(pamh, PAM_SILENT); /* the session goes with this process */
        printf("%.3f %.3f %.3f\n", loaded - start, opened - loaded, now() - opened);
        (void) pam_end(pamh, r);
        return 0;
}
