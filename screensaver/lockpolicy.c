/* SPDX-License-Identifier: MIT */
/* What the policy says about locking the calling user's session. */

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lockpolicy.h"
#include "options.h"
#include "os/file.h"
#include "os/machine.h"
#include "os/policyfile.h"
#include "os/user.h"

/* Not keys of the policy: nobody has asked for others yet. */
#define LOGOUT_WARN (300 * USEC_PER_SEC)
#define GRAB_MAX (10 * USEC_PER_SEC)

void lockpolicy_done(LockPolicy *p) {
        free(p->locker);
        free(p->fallback);
        *p = (LockPolicy){};
}

/* core/idle has 0 for what the policy calls "never", and the server counts in milliseconds. */
static usec_t time_of(usec_t usec) {
        return usec == USEC_INFINITY ? 0 : usec - usec % USEC_PER_MSEC;
}

static void say_errors(const Policy *policy) {
        size_t n, total;
        const PolicyError *errors = policy_errors(policy, &n, &total);

        for (size_t i = 0; i < n; i++) {
                const char *file = errors[i].file ?: "policy";

                if (errors[i].line > 0)
                        options_error("%s:%u: %s", file, errors[i].line, errors[i].text);
                else
                        options_error("%s: %s", file, errors[i].text);
        }
        if (total > n)
                options_error("and %zu more", total - n);
}

/* Whose session it is: by NSS, never by $USER. */
static int decide(const Policy *policy, PolicyLock *ret) {
        _cleanup_(user_info_done) UserInfo user = {};
        _cleanup_free_ char *name = NULL;
        char host[MACHINE_NAME_MAX];
        PolicyFacts facts = { .type = "x11", .class = "user", .uid = getuid() };
        int r;

        r = user_name(getuid(), &name);
        if (r < 0)
                return r;
        r = user_info(name, &user);
        if (r >= 0 && policy_wants_groups(policy))
                r = user_info_groups(&user);
        if (r < 0 && r != -ESRCH) /* who is not known is matched by uid alone */
                return r;
        facts.user = name;
        facts.uid_min = user_uid_min();
        facts.groups = (const char *const *) user.groups;
        facts.n_groups = user.n_groups;
        facts.host = machine_name(host);
        if (!policy_lock(policy, &facts, ret))
                options_error(
                        "no [lock] section of the policy is for %s: locks when asked to alone",
                        name);
        return 0;
}

int lockpolicy_load(const char *root, LockPolicy *ret) {
        _cleanup_free_ char *path = file_path("%s" POLICYFILE_PATH, root);
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(lockpolicy_done) LockPolicy p = {};
        PolicyLock lock = {};
        LimitsHost host;
        int r;

        if (!path)
                return -ENOMEM;
        machine_describe(&host);
        r = policyfile_load(path, &host, &policy);
        if (r < 0)
                return r;
        say_errors(policy);
        if (policy_is_unread(policy)) /* an empty one would never lock */
                return -EACCES;
        r = decide(policy, &lock);
        if (r < 0)
                return r;
        p.idle = (IdleConfig){
                .idle = time_of(lock.idle),
                .warn = time_of(lock.warn),
                .blank = time_of(lock.blank_after),
                .inhibit_max = lock.inhibit_max,
                .logout_after = time_of(lock.logout_after),
                .logout_warn = LOGOUT_WARN,
                .grab_max = GRAB_MAX,
                .lock_on_disconnect = lock.on_disconnect == POLICY_ON_DISCONNECT_LOCK,
                .has_fallback = lock.fallback_locker,
        };
        p.locker = strdup(lock.locker ?: "xsecurelock");
        p.fallback = lock.fallback_locker ? strdup(lock.fallback_locker) : NULL;
        if (!p.locker || (lock.fallback_locker && !p.fallback))
                return -ENOMEM;
        *ret = p;
        p = (LockPolicy){};
        return 0;
}
