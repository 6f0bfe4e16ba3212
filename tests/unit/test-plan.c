/* SPDX-License-Identifier: MIT */
/* Who is to be limited for a process, or why not. */

#include "harness.h"

#include "core/plan.h"

#define NOBODY ((uid_t) -1)
#define SYSTEM "/system.slice"
#define USERS "/user.slice"
#define ALICE USERS "/user-1000.slice"

static const CallerFacts admin = { .owner = 1500, .uid_min = 1000, .placement = true };
static const CallerFacts forcing = {
        .owner = 1500, .uid_min = 1000, .placement = true, .force = true
};

static ProcessFacts facts(const char *cgroup, uid_t ruid, uid_t loginuid) {
        ProcessFacts f = {
                .pid = 4711,
                .ruid = ruid,
                .euid = ruid,
                .loginuid = loginuid,
                .comm = "burn",
                .userns_owner = NOBODY,
        };

        assert_int_equal(placement_parse(cgroup, &f.placement), 0);
        return f;
}

typedef struct Row {
        const char *cgroup;
        uid_t ruid, loginuid;
        PlanRefusal refusal;
        uid_t owner;
        const char *session;
        bool capture;
} Row;

static const Row rows[] = {
        /* Logins, whoever the process runs as */
        { ALICE "/session-3.scope", 1000, 1000, PLAN_OK, 1000, "3", false },
        { ALICE "/session-3.scope", 0, 1000, PLAN_OK, 1000, "3", false },    /* sudo */
        { ALICE "/session-3.scope", 1001, 1000, PLAN_OK, 1000, "3", false }, /* su */
        { ALICE "/session-3.scope", 1500, NOBODY, PLAN_OK, 1000, "3", false },
        { ALICE "/user@1000.service/app.slice/app-firefox-1.scope", 1000, 1000, PLAN_OK, 1000, "",
          false },
        { ALICE "/leash-1000-4711.scope", 1000, 1000, PLAN_OK, 1000, "", false },
        { ALICE, 1000, 1000, PLAN_OK, 1000, "", false },
        { USERS "/user-1500.slice/session-9.scope", 1500, 1500, PLAN_OWN_SESSION, 1500, "9",
          false },
        { USERS "/user-1500.slice/session-9.scope", 0, 1500, PLAN_OWN_SESSION, 1500, "9", false },
        { USERS "/user-0.slice/session-1.scope", 0, 0, PLAN_ROOT_SESSION, 0, "1", false },
        { USERS "/user-0.slice/session-1.scope", 1000, 0, PLAN_ROOT_SESSION, 0, "1", false },
        { USERS "/user-114.slice/session-c1.scope", 114, 114, PLAN_SYSTEM_USER, 114, "c1", false },
        { USERS "/user-999.slice/user@999.service", 999, 999, PLAN_SYSTEM_USER, 999, "", false },
        /* Jobs of cron and at, and what a login left in a service */
        { SYSTEM "/cron.service", 1000, 1000, PLAN_OK, 1000, "", true },
        { SYSTEM "/cron.service", 1000, NOBODY, PLAN_OK, 1000, "", true },
        { SYSTEM "/crond.service", 1000, 1000, PLAN_OK, 1000, "", true },
        { SYSTEM "/atd.service", 1000, 1000, PLAN_OK, 1000, "", true },
        { SYSTEM "/cron.service", 1500, 1500, PLAN_OWN_SESSION, 1500, "", true },
        { SYSTEM "/cron.service", 0, 0, PLAN_SERVICE, NOBODY, "", false },
        { SYSTEM "/cron.service", 999, NOBODY, PLAN_SERVICE, NOBODY, "", false },
        { SYSTEM "/cron.service", 0, 1000, PLAN_SERVICE, NOBODY, "", false },
        { SYSTEM "/xrdp-sesman.service", 1000, 1000, PLAN_OK, 1000, "", true }, /* xrdp #778 */
        { SYSTEM "/xrdp-sesman.service", 1000, NOBODY, PLAN_SERVICE, NOBODY, "", false },
        { SYSTEM "/php-fpm.service", 1000, NOBODY, PLAN_SERVICE, NOBODY, "", false },
        { SYSTEM "/php-fpm.service", 1000, 1001, PLAN_SERVICE, NOBODY, "", false },
        { SYSTEM "/ssh.service", 0, NOBODY, PLAN_SERVICE, NOBODY, "", false },
        /* Nobody's login */
        { SYSTEM "/docker-1234.scope", 1000, 1000, PLAN_MACHINE, NOBODY, "", false },
        { "/machine.slice/systemd-nspawn@web.service/payload", 0, NOBODY, PLAN_MACHINE, NOBODY, "",
          false },
        { "/", 1000, 1000, PLAN_NO_SESSION, NOBODY, "", false },
        { "/system.slice", 0, NOBODY, PLAN_NO_SESSION, NOBODY, "", false },
        { "/init.scope", 0, NOBODY, PLAN_INIT, NOBODY, "", false },
};

static void every_process_has_an_owner_or_a_reason(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const Row *row = &rows[i];
                PlanRefusal forced = plan_refusal_can_force(row->refusal) ? PLAN_OK : row->refusal;
                ProcessFacts f = facts(row->cgroup, row->ruid, row->loginuid);
                char label[160];
                Plan plan;

                (void) snprintf(label, sizeof(label), "%s ruid %u loginuid %d", row->cgroup,
                                row->ruid, (int) row->loginuid);
                memset(&plan, 0x5a, sizeof(plan));
                check_row(label, plan_process(&f, &admin, &plan) == row->refusal);
                check_row(label, plan.owner == row->owner);
                check_row(label, strcmp(plan.session, row->session) == 0);
                check_row(label, plan.capture == row->capture);
                check_row(label, plan_process(&f, &forcing, &plan) == forced);
                check_row(label, plan.owner == row->owner);
        }
}

static void kernel_threads_and_init_are_refused(void **state _unused_) {
        ProcessFacts f = facts("/", 0, NOBODY);
        CallerFacts elsewhere = forcing;
        Plan plan;

        f.kernel_thread = true;
        assert_int_equal(plan_process(&f, &forcing, &plan), PLAN_KERNEL_THREAD);
        f = facts(ALICE "/session-3.scope", 1000, 1000);
        f.kernel_thread = true; /* wherever it was put */
        assert_int_equal(plan_process(&f, &forcing, &plan), PLAN_KERNEL_THREAD);
        f = facts("/", 0, NOBODY);
        f.pid = 1;
        assert_int_equal(plan_process(&f, &forcing, &plan), PLAN_INIT);
        elsewhere.placement = false;
        assert_int_equal(plan_process(&f, &elsewhere, &plan), PLAN_INIT);
        f.pid = 2;
        f.kernel_thread = true;
        assert_int_equal(plan_process(&f, &elsewhere, &plan), PLAN_KERNEL_THREAD);
}

/* bwrap and flatpak make pid namespaces inside a login; elsewhere they are containers, whatever
 * their cgroup is called (containerd's own is "/default/ID"). */
static void foreign_processes_are_containers_outside_logins(void **state _unused_) {
        static const struct {
                const char *cgroup;
                PlanRefusal refusal;
        } places[] = {
                { ALICE "/session-3.scope", PLAN_OK },
                { ALICE "/user@1000.service/app.slice/app-flatpak-1.scope", PLAN_OK },
                { "/default/1234", PLAN_MACHINE },
                { "/system.slice/lxc-net.service", PLAN_MACHINE },
                /* "unshare -p" needs no rights, so in a job's service it is the job's own doing. */
                { "/system.slice/cron.service", PLAN_OK },
        };
        CallerFacts elsewhere = forcing;
        Plan plan;

        elsewhere.placement = false;
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                ProcessFacts f = facts(places[i].cgroup, 1000, 1000);

                f.foreign_pidns = true;
                check_row(places[i].cgroup, plan_process(&f, &forcing, &plan) == places[i].refusal);
                check_row(places[i].cgroup, plan_process(&f, &elsewhere, &plan) == PLAN_MACHINE);
        }
}

static void without_placement_the_login_uid_tells(void **state _unused_) {
        static const struct {
                uid_t ruid, loginuid;
                PlanRefusal refusal;
                uid_t owner;
        } users[] = {
                { 1000, 1000, PLAN_OK, 1000 },
                { 0, 1000, PLAN_OK, 1000 },
                { 1001, 1000, PLAN_OK, 1000 },
                { 1000, NOBODY, PLAN_OK, 1000 },
                { 1000, 0, PLAN_OK, 1000 },
                { 0, NOBODY, PLAN_ROOT_SESSION, 0 },
                { 0, 0, PLAN_ROOT_SESSION, 0 },
                { 33, NOBODY, PLAN_SYSTEM_USER, 33 },
                { 1500, 1500, PLAN_OWN_SESSION, 1500 },
                { 0, 1500, PLAN_OWN_SESSION, 1500 },
        };
        CallerFacts caller = admin;

        caller.placement = false;
        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                ProcessFacts f = facts("/", users[i].ruid, users[i].loginuid);
                char label[64];
                Plan plan;

                (void) snprintf(label, sizeof(label), "ruid %u loginuid %d", users[i].ruid,
                                (int) users[i].loginuid);
                check_row(label, plan_process(&f, &caller, &plan) == users[i].refusal);
                check_row(label, plan.owner == users[i].owner);
                check_row(label, plan.session[0] == '\0' && !plan.capture);
        }
}

/* A browser's sandbox is a user's, and so is what runs under their subordinate uids; root's
 * containers are nobody's, whatever uids are in them. */
static void without_placement_namespaces_tell(void **state _unused_) {
        static const struct {
                bool foreign_pidns;
                uid_t userns_owner, ruid, loginuid;
                PlanRefusal refusal;
                uid_t owner;
        } namespaces[] = {
                { true, 1000, 1000, NOBODY, PLAN_OK, 1000 }, /* unshare -Urpf */
                { true, 1000, 1000, 1000, PLAN_OK, 1000 },   /* a browser's renderer */
                { true, 1000, 100005, 1000, PLAN_OK, 1000 }, /* podman */
                { true, 1000, 100005, NOBODY, PLAN_OK, 1000 },
                { true, 1000, 100005, 0, PLAN_OK, 1000 },       /* from a boot script */
                { false, 1000, 100005, NOBODY, PLAN_OK, 1000 }, /* podman --pid=host */
                { true, 1000, 1000, 1001, PLAN_OK, 1001 },      /* by su */
                { true, 1500, 100005, NOBODY, PLAN_OWN_SESSION, 1500 },
                { true, NOBODY, 1000, NOBODY, PLAN_MACHINE, NOBODY }, /* docker */
                { true, NOBODY, 1000, 1000, PLAN_MACHINE, NOBODY },   /* restarted from a login */
                { true, 0, 100005, NOBODY, PLAN_MACHINE, NOBODY },    /* its userns-remap */
                { false, 0, 100005, NOBODY, PLAN_OK, 100005 },
                { true, 999, 999, NOBODY, PLAN_MACHINE, NOBODY },    /* a service's PrivateUsers= */
                { true, 65534, 1000, NOBODY, PLAN_MACHINE, NOBODY }, /* unmapped: not told */
                { true, 1000, 0, NOBODY, PLAN_MACHINE, NOBODY },     /* root's nsenter */
                { false, 1000, 0, NOBODY, PLAN_ROOT_SESSION, 0 },
        };
        CallerFacts caller = admin;

        caller.placement = false;
        for (size_t i = 0; i < ELEMENTSOF(namespaces); i++) {
                ProcessFacts f = facts("/", namespaces[i].ruid, namespaces[i].loginuid);
                char label[32];
                Plan plan;

                (void) snprintf(label, sizeof(label), "row %zu", i);
                f.foreign_pidns = namespaces[i].foreign_pidns;
                f.userns_owner = namespaces[i].userns_owner;
                check_row(label, plan_process(&f, &caller, &plan) == namespaces[i].refusal);
                check_row(label, plan.owner == namespaces[i].owner);
        }
}

static void owners_are_judged_alone(void **state _unused_) {
        static const struct {
                uid_t owner;
                PlanRefusal refusal;
        } owners[] = {
                { 0, PLAN_ROOT_SESSION },    { 1, PLAN_SYSTEM_USER },
                { 999, PLAN_SYSTEM_USER },   { 1000, PLAN_OK },
                { 1500, PLAN_OWN_SESSION },  { 1501, PLAN_OK },
                { 61183, PLAN_OK },          { 61184, PLAN_SYSTEM_USER }, /* DynamicUser= */
                { 65519, PLAN_SYSTEM_USER }, { 65520, PLAN_OK },
                { 65534, PLAN_SYSTEM_USER }, { 65536, PLAN_OK },
                { 4294967294, PLAN_OK },
        };
        const CallerFacts daemon = { .owner = NOBODY, .uid_min = 1000, .placement = true };
        const CallerFacts high = { .owner = NOBODY, .uid_min = 2000, .placement = true };

        for (size_t i = 0; i < ELEMENTSOF(owners); i++) {
                char label[32];

                (void) snprintf(label, sizeof(label), "uid %u", owners[i].owner);
                check_row(label, plan_owner(owners[i].owner, &admin) == owners[i].refusal);
                check_row(label, plan_owner(owners[i].owner, &forcing) == PLAN_OK);
        }
        assert_int_equal(plan_owner(1500, &daemon), PLAN_OK);
        assert_int_equal(plan_owner(1500, &high), PLAN_SYSTEM_USER);
}

static void force_is_for_sessions_only(void **state _unused_) {
        for (PlanRefusal i = 0; i < _PLAN_REFUSAL_MAX; i++)
                assert_int_equal(plan_refusal_can_force(i), i == PLAN_ROOT_SESSION ||
                                                                    i == PLAN_SYSTEM_USER ||
                                                                    i == PLAN_OWN_SESSION);
}

/* They are formats for one string, the unit's name. */
static void check_format(const char *text) {
        unsigned n_strings = 0;

        assert_non_null(text);
        for (const char *p = strchr(text, '%'); p; p = strchr(p + 2, '%')) {
                check_row(text, p[1] == 's' || p[1] == '%');
                n_strings += p[1] == 's';
        }
        check_row(text, n_strings <= 1);
}

static void a_container_without_a_name_has_no_empty_brackets(void **state _unused_) {
        assert_non_null(strstr(plan_refusal_what(PLAN_MACHINE, true), "(%s)"));
        assert_null(strchr(plan_refusal_what(PLAN_MACHINE, false), '('));
        assert_string_equal(plan_refusal_what(PLAN_INIT, false),
                            plan_refusal_what(PLAN_INIT, true));
}

static void every_refusal_says_what_and_what_to_do(void **state _unused_) {
        for (PlanRefusal i = 0; i < _PLAN_REFUSAL_MAX; i++) {
                check_format(plan_refusal_what(i, true));
                check_format(plan_refusal_what(i, false));
                check_format(plan_refusal_remedy(i));
                assert_true(strlen(plan_refusal_what(i, true)) > 0);
                if (i != PLAN_OK)
                        assert_true(strlen(plan_refusal_remedy(i)) > 0);
                assert_int_equal(!!strstr(plan_refusal_remedy(i), "--force"),
                                 plan_refusal_can_force(i));
        }
}

static void job_services_are_known(void **state _unused_) {
        static const char *const jobs[] = { "cron.service", "crond.service", "atd.service",
                                            "anacron.service" };
        static const char *const others[] = {
                "", "cron", "cron.timer", "xcron.service", "cron.service.d", "php-fpm.service"
        };

        for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
                check_row(jobs[i], plan_is_job_service(jobs[i]));
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                check_row(others[i], !plan_is_job_service(others[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_process_has_an_owner_or_a_reason),
                cmocka_unit_test(kernel_threads_and_init_are_refused),
                cmocka_unit_test(foreign_processes_are_containers_outside_logins),
                cmocka_unit_test(without_placement_the_login_uid_tells),
                cmocka_unit_test(without_placement_namespaces_tell),
                cmocka_unit_test(owners_are_judged_alone),
                cmocka_unit_test(force_is_for_sessions_only),
                cmocka_unit_test(a_container_without_a_name_has_no_empty_brackets),
                cmocka_unit_test(every_refusal_says_what_and_what_to_do),
                cmocka_unit_test(job_services_are_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
