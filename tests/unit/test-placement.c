/* SPDX-License-Identifier: MIT */
/* What a cgroup path says about owner, session and unit, and what a user cannot make it say. */

#include "harness.h"

#include "core/placement.h"

#define NOBODY ((uid_t) -1)

#define SLICE "/user.slice/user-1000.slice"
#define MANAGER SLICE "/user@1000.service"
#define ID "3f4be2a9c1d07788a5e6"
#define CRI "cri-containerd-" ID ".scope"
#define NSPAWN "systemd-nspawn@web.service"
#define RUNTIME "user-runtime-dir@1000.service"

typedef struct Row {
        const char *path;
        PlacementKind kind;
        uid_t owner;
        const char *session, *unit, *app;
} Row;

static void check_rows(const Row *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const Row *row = &rows[i];
                Placement p;

                memset(&p, 0x5a, sizeof(p));
                check_row(row->path, placement_parse(row->path, &p) == 0);
                check_row(row->path, p.kind == row->kind);
                check_row(row->path, p.owner == row->owner);
                check_row(row->path, strcmp(p.session, row->session) == 0);
                check_row(row->path, strcmp(p.unit, row->unit) == 0);
                check_row(row->path, strcmp(p.app, row->app) == 0);
        }
}

static void logins_are_found(void **state _unused_) {
        static const Row rows[] = {
                { SLICE "/session-3.scope", PLACEMENT_SESSION, 1000, "3", "session-3.scope", "" },
                { SLICE "/session-c12.scope", PLACEMENT_SESSION, 1000, "c12", "session-c12.scope",
                  "" },
                { SLICE "/session-3.scope/app.slice", PLACEMENT_SESSION, 1000, "3",
                  "session-3.scope", "" },
                { "/user.slice/user-0.slice/session-1.scope", PLACEMENT_SESSION, 0, "1",
                  "session-1.scope", "" },
                { "/user.slice/user-114.slice/session-c1.scope", PLACEMENT_SESSION, 114, "c1",
                  "session-c1.scope", "" },
                { "/user.slice/user-4294967294.slice/session-1.scope", PLACEMENT_SESSION,
                  4294967294, "1", "session-1.scope", "" },
                { MANAGER, PLACEMENT_MANAGER, 1000, "", "user@1000.service", "" },
                { MANAGER "/init.scope", PLACEMENT_MANAGER, 1000, "", "user@1000.service",
                  "init.scope" },
                { MANAGER "/app.slice", PLACEMENT_MANAGER, 1000, "", "user@1000.service", "" },
                { MANAGER "/app.slice/app-gnome-firefox-4711.scope", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "app-gnome-firefox-4711.scope" },
                { MANAGER "/session.slice/org.gnome.Shell@x11.service", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "org.gnome.Shell@x11.service" },
                { SLICE "/leash-1000-4711.scope", PLACEMENT_LEASHED, 1000, "",
                  "leash-1000-4711.scope", "" },
                { SLICE, PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/", PLACEMENT_SLICE, 1000, "", "", "" },
                { "//user.slice//user-1000.slice//session-3.scope//", PLACEMENT_SESSION, 1000, "3",
                  "session-3.scope", "" },
        };

        check_rows(rows, ELEMENTSOF(rows));
}

static void the_system_is_nobodys_login(void **state _unused_) {
        static const Row rows[] = {
                { "/", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/system.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/init.scope", PLACEMENT_INIT, NOBODY, "", "init.scope", "" },
                { "/system.slice/cron.service", PLACEMENT_SERVICE, NOBODY, "", "cron.service", "" },
                { "/system.slice/xrdp-sesman.service", PLACEMENT_SERVICE, NOBODY, "",
                  "xrdp-sesman.service", "" },
                { "/system.slice/system-getty.slice/getty@tty1.service", PLACEMENT_SERVICE, NOBODY,
                  "", "getty@tty1.service", "" },
                { "/system.slice/system-user\\x2druntime\\x2ddir.slice/" RUNTIME, PLACEMENT_SERVICE,
                  NOBODY, "", RUNTIME, "" },
                { "/system.slice/ssh.socket", PLACEMENT_SERVICE, NOBODY, "", "ssh.socket", "" },
                { "/system.slice/home.mount", PLACEMENT_SERVICE, NOBODY, "", "home.mount", "" },
                { "/system.slice/dev-sda2.swap", PLACEMENT_SERVICE, NOBODY, "", "dev-sda2.swap",
                  "" },
                { "/system.slice/run-r4711.scope", PLACEMENT_SERVICE, NOBODY, "", "run-r4711.scope",
                  "" },
                { "/system.slice/docker.service", PLACEMENT_SERVICE, NOBODY, "", "docker.service",
                  "" },
                { "/system.slice/docker.socket", PLACEMENT_SERVICE, NOBODY, "", "docker.socket",
                  "" },
                { "/system.slice/containerd.service", PLACEMENT_SERVICE, NOBODY, "",
                  "containerd.service", "" },
                { "/system.slice/dockerd-rootless.service", PLACEMENT_SERVICE, NOBODY, "",
                  "dockerd-rootless.service", "" },
        };

        check_rows(rows, ELEMENTSOF(rows));
}

static void containers_are_machines(void **state _unused_) {
        static const Row rows[] = {
                { "/system.slice/docker-" ID ".scope", PLACEMENT_MACHINE, NOBODY, "",
                  "docker-" ID ".scope", "" },
                { "/docker/" ID, PLACEMENT_MACHINE, NOBODY, "", "docker", "" },
                { "/machine.slice/libpod-" ID ".scope/container", PLACEMENT_MACHINE, NOBODY, "",
                  "libpod-" ID ".scope", "" },
                { "/machine.slice/libpod-conmon-" ID ".scope", PLACEMENT_MACHINE, NOBODY, "",
                  "libpod-conmon-" ID ".scope", "" },
                { "/machine.slice/" NSPAWN "/payload", PLACEMENT_MACHINE, NOBODY, "", NSPAWN, "" },
                { "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
                  PLACEMENT_MACHINE, NOBODY, "", "machine-qemu\\x2d1\\x2dvm.scope", "" },
                { "/lxc/web", PLACEMENT_MACHINE, NOBODY, "", "lxc", "" },
                { "/lxc.payload.web/init.scope", PLACEMENT_MACHINE, NOBODY, "", NULL, "" },
                { "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/" CRI,
                  PLACEMENT_MACHINE, NOBODY, "", CRI, "" },
                { "/kubepods.slice/kubepods-pod12_34.slice/crio-" ID ".scope", PLACEMENT_MACHINE,
                  NOBODY, "", "crio-" ID ".scope", "" },
                { "/kubepods/besteffort/pod12-34/" ID, PLACEMENT_MACHINE, NOBODY, "", "kubepods",
                  "" },
                { "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/" CRI,
                  PLACEMENT_MACHINE, NOBODY, "", CRI, "" },
                { "/system.slice/docker-" ID ".scope/user.slice/user-1000.slice/session-3.scope",
                  PLACEMENT_MACHINE, NOBODY, "", NULL, "" },
                { "/docker/" ID "/user.slice/user-1000.slice/session-3.scope", PLACEMENT_MACHINE,
                  NOBODY, "", NULL, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Placement p;

                if (rows[i].unit) {
                        check_rows(&rows[i], 1);
                        continue;
                }
                check_row(rows[i].path, placement_parse(rows[i].path, &p) == 0);
                check_row(rows[i].path,
                          p.kind == rows[i].kind && p.owner == NOBODY && p.session[0] == '\0');
        }
}

/* What runs below a container's own scope or service is named by the container. */
static void a_container_does_not_name_itself(void **state _unused_) {
        static const Row rows[] = {
                { "/machine.slice/" NSPAWN "/payload/user.slice/user-1000.slice/session-1.scope",
                  PLACEMENT_MACHINE, NOBODY, "", NSPAWN, "" },
                { "/system.slice/docker-" ID ".scope/system.slice/nginx.service", PLACEMENT_MACHINE,
                  NOBODY, "", "docker-" ID ".scope", "" },
                { "/machine.slice/libpod-" ID ".scope/container/docker", PLACEMENT_MACHINE, NOBODY,
                  "", "libpod-" ID ".scope", "" },
        };

        check_rows(rows, ELEMENTSOF(rows));
}

/* Below their session or manager a user makes groups of any name; the outermost user slice decides.
 */
static void a_user_cannot_pass_for_another(void **state _unused_) {
        static const Row rows[] = {
                { MANAGER "/user-0.slice/session-1.scope", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "session-1.scope" },
                { MANAGER "/app.slice/user.slice/user-0.slice", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "" },
                { MANAGER "/user.slice/user-0.slice/user@0.service", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "user@0.service" },
                { MANAGER "/leash-0-1.scope", PLACEMENT_MANAGER, 1000, "", "user@1000.service",
                  "leash-0-1.scope" },
                { MANAGER "/machine.slice/docker-" ID ".scope", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "docker-" ID ".scope" },
                { MANAGER "/user.slice/libpod-" ID ".scope/container", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "libpod-" ID ".scope" },
                { MANAGER "/../../user-0.slice/session-1.scope", PLACEMENT_MANAGER, 1000, "",
                  "user@1000.service", "session-1.scope" },
                { SLICE "/session-3.scope/user-0.slice/session-1.scope", PLACEMENT_SESSION, 1000,
                  "3", "session-3.scope", "" },
                { SLICE "/session-3.scope/init.scope", PLACEMENT_SESSION, 1000, "3",
                  "session-3.scope", "" },
                { SLICE "/session-3.scope/docker-" ID ".scope", PLACEMENT_SESSION, 1000, "3",
                  "session-3.scope", "" },
                { SLICE "/leash-1000-4711.scope/user-0.slice", PLACEMENT_LEASHED, 1000, "",
                  "leash-1000-4711.scope", "" },
                { SLICE "/user-0.slice", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/user-0.slice/session-1.scope", PLACEMENT_SESSION, 1000, "1",
                  "session-1.scope", "" },
                { SLICE "/init.scope", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/user@0.service", PLACEMENT_MANAGER, 1000, "", "user@0.service", "" },
                { "/system.slice/cron.service/user-0.slice/session-1.scope", PLACEMENT_SERVICE,
                  NOBODY, "", "cron.service", "" },
                { "/system.slice/cron.service/machine.slice/init.scope", PLACEMENT_SERVICE, NOBODY,
                  "", "cron.service", "" },
                { "/init.scope/user.slice/user-1000.slice", PLACEMENT_INIT, NOBODY, "",
                  "init.scope", "" },
        };

        check_rows(rows, ELEMENTSOF(rows));
}

static void other_names_mean_nothing(void **state _unused_) {
        static const Row rows[] = {
                { "/ci/job7/user.slice/user-1000.slice/session-3.scope", PLACEMENT_ROOT, NOBODY, "",
                  "", "" },
                { "/user.slice/user-.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-abc.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user--1.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-+1000.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-4294967295.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-4294967296.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-65535.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-1000.slice.d", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-1000.slicex", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/xuser-1000.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { "/user.slice/user-1000-extra.slice", PLACEMENT_ROOT, NOBODY, "", "", "" },
                { SLICE "/session-.scope", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/session-3.scope (deleted)", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/session-3.service", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/session-3", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/user@1000.scope", PLACEMENT_SLICE, 1000, "", "", "" },
                { SLICE "/.scope", PLACEMENT_SLICE, 1000, "", "", "" },
                { "/system.slice/.service", PLACEMENT_ROOT, NOBODY, "", "", "" },
        };

        check_rows(rows, ELEMENTSOF(rows));
}

static void overlong_names_decide_nothing(void **state _unused_) {
        char path[2048], name[513];
        Placement p;

        for (size_t length = 250; length < sizeof(name); length++) {
                memset(name, 'x', length);
                memcpy(name + length - strlen(".scope"), ".scope", strlen(".scope"));
                name[length] = '\0';
                (void) snprintf(path, sizeof(path), MANAGER "/%s", name);
                assert_int_equal(placement_parse(path, &p), 0);
                assert_int_equal(p.owner, 1000);
                assert_string_equal(p.app, length < PLACEMENT_NAME_MAX ? name : "");
                memcpy(name, "session-", strlen("session-"));
                (void) snprintf(path, sizeof(path), SLICE "/%s/session-3.scope", name);
                assert_int_equal(placement_parse(path, &p), 0);
                assert_int_equal(p.owner, 1000);
                assert_int_equal(p.kind, PLACEMENT_SESSION);
                assert_string_equal(p.unit, length < PLACEMENT_NAME_MAX ? name : "session-3.scope");
        }
}

static void only_absolute_paths_are_read(void **state _unused_) {
        static const char *const rows[] = {
                "", "user.slice/user-1000.slice", "0::/user.slice", ".", " /", "-"
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Placement p = { .owner = 4711 };

                check_row(rows[i], placement_parse(rows[i], &p) == -EINVAL);
                check_row(rows[i], p.owner == 4711);
        }
}

static void slices_name_their_user(void **state _unused_) {
        static const struct {
                const char *name;
                uid_t uid;
        } accepted[] = { { "user-0.slice", 0 },
                         { "user-1000.slice", 1000 },
                         { "user-4294967294.slice", 4294967294 } };
        static const char *const refused[] = {
                "",
                "user-.slice",
                "user.slice",
                "user-1000",
                "user-1000.slice ",
                " user-1000.slice",
                "user-1000.scope",
                "user--1.slice",
                "user-65535.slice",
                "user-4294967295.slice",
                "user-99999999999999999.slice",
                "user-1 000.slice",
                "user-1e3.slice",
                "user-01000.slice",
                "user-00.slice",
                "User-1000.slice",
                "user-1000.slice.slice",
                "/user-1000.slice",
        };

        for (size_t i = 0; i < ELEMENTSOF(accepted); i++) {
                uid_t uid;

                check_row(accepted[i].name, placement_uid_from_slice(accepted[i].name, &uid) == 0);
                check_row(accepted[i].name, uid == accepted[i].uid);
        }
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                uid_t uid = 4711;

                check_row(refused[i], placement_uid_from_slice(refused[i], &uid) < 0);
                check_row(refused[i], uid == 4711);
        }
}

static void what_is_inside(void **state) {
        static const struct {
                const char *cgroup, *group;
                bool inside;
        } rows[] = {
                { "/user.slice", "/user.slice", true },
                { "/user.slice/user-1.slice", "/user.slice", true },
                { "/user.slice/user-1.slice", "/user.slice/user-1.slice/session-1.scope", false },
                { "/user.slice/user-10.slice", "/user.slice/user-1.slice", false },
                { "/system.slice", "/user.slice", false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_row(rows[i].cgroup,
                          placement_is_inside(rows[i].cgroup, rows[i].group) == rows[i].inside);
}

static void what_is_named_is_found(void **state) {
        char slice[PLACEMENT_NAME_MAX], cgroup[PLACEMENT_CGROUP_MAX];
        Placement p;
        uid_t uid;

        (void) state;
        placement_user_slice(1000, slice);
        assert_string_equal(slice, "user-1000.slice");
        assert_int_equal(placement_uid_from_slice(slice, &uid), 0);
        assert_int_equal(uid, 1000);
        placement_user_cgroup(1000, NULL, cgroup);
        assert_string_equal(cgroup, "/user.slice/user-1000.slice");
        placement_user_cgroup(4294967294, "leash-tree-1.scope", cgroup);
        assert_string_equal(cgroup, "/user.slice/user-4294967294.slice/leash-tree-1.scope");
        placement_session_cgroup(1000, "c12", cgroup);
        assert_string_equal(cgroup, "/user.slice/user-1000.slice/session-c12.scope");
        assert_int_equal(placement_parse(cgroup, &p), 0);
        assert_int_equal(p.kind, PLACEMENT_SESSION);
        assert_int_equal(p.owner, 1000);
        assert_string_equal(p.session, "c12");
}

static void overlong_sessions_are_cut(void **state) {
        char id[2 * PLACEMENT_CGROUP_MAX], cgroup[PLACEMENT_CGROUP_MAX];

        (void) state;
        memset(id, 'x', sizeof(id) - 1);
        id[sizeof(id) - 1] = '\0';
        placement_session_cgroup(1000, id, cgroup);
        assert_string_equal(cgroup + strlen(cgroup) - strlen("x.scope"), "x.scope");
        placement_user_cgroup(1000, id, cgroup);
        assert_true(placement_is_inside(cgroup, "/user.slice/user-1000.slice"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(logins_are_found),
                cmocka_unit_test(the_system_is_nobodys_login),
                cmocka_unit_test(containers_are_machines),
                cmocka_unit_test(a_container_does_not_name_itself),
                cmocka_unit_test(a_user_cannot_pass_for_another),
                cmocka_unit_test(other_names_mean_nothing),
                cmocka_unit_test(overlong_names_decide_nothing),
                cmocka_unit_test(only_absolute_paths_are_read),
                cmocka_unit_test(slices_name_their_user),
                cmocka_unit_test(what_is_inside),
                cmocka_unit_test(what_is_named_is_found),
                cmocka_unit_test(overlong_sessions_are_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
