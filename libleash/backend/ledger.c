/* SPDX-License-Identifier: MIT */
/* The ledger: one file for each target, replaced whole, changed under a lock of its own.
 *
 * A lock file is removed when nobody needs it, by its holder. So whoever gets the lock looks
 * whether the file it locked is still the one of that name, and starts again if not. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "backend/ledger.h"
#include "core/array.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

/* Looked at more and more seldom: fifty that wait must not slow down the one that works. */
#define LOCK_POLL_FIRST (1 * USEC_PER_MSEC)
#define LOCK_POLL_LAST (50 * USEC_PER_MSEC)
#define LOCK_TURNS_MAX 10

typedef enum Place {
        PLACE_RUN,
        PLACE_LIB,
        _PLACE_MAX,
} Place;

static const char *const place_paths[_PLACE_MAX] = {
        [PLACE_RUN] = "/run/leash",
        [PLACE_LIB] = "/var/lib/leash",
};

struct Ledger {
        int fds[_PLACE_MAX]; /* -EBADF where the directory does not exist */
        char *paths[_PLACE_MAX];
        bool hurry;
};

struct LedgerLock {
        int dir_fd; /* borrowed from the ledger, which outlives its locks */
        int fd;
        char *name;
};

static int make_place(const char *path) {
        int r = file_mkdir_parents(path, 0700);

        return r < 0 ? r : file_sync_parent(path);
}

static int open_place(const char *path, bool create, int *ret) {
        /* Base values and file contents are put back from here with root's rights. */
        int r = file_open_own_dir(path, ret);

        if (r == -ENOENT && create) {
                r = make_place(path);
                if (r >= 0)
                        r = file_open_own_dir(path, ret);
        }
        return r == -EPERM && geteuid() != 0 ? -EACCES : r; /* it is root's, as it should be */
}

int ledger_open(const char *root, bool create, Ledger **ret) {
        _cleanup_(ledger_freep) Ledger *l = calloc(1, sizeof(Ledger));
        int r;

        if (!l)
                return -ENOMEM;
        for (Place i = 0; i < _PLACE_MAX; i++)
                l->fds[i] = -EBADF;
        for (Place i = 0; i < _PLACE_MAX; i++) {
                l->paths[i] = file_path("%s%s", root, place_paths[i]);
                if (!l->paths[i])
                        return -ENOMEM;
                r = open_place(l->paths[i], create && i == PLACE_RUN, &l->fds[i]);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        if (l->fds[PLACE_RUN] < 0 && l->fds[PLACE_LIB] < 0)
                return -ENOENT;
        *ret = TAKE_PTR(l);
        return 0;
}

Ledger *ledger_free(Ledger *l) {
        if (!l)
                return NULL;
        for (Place i = 0; i < _PLACE_MAX; i++) {
                fd_closep(&l->fds[i]);
                free(l->paths[i]);
        }
        free(l);
        return NULL;
}

LedgerLock *ledger_unlock(LedgerLock *lock) {
        if (!lock)
                return NULL;
        if (lock->fd >= 0) {
                /* Removed while held: the next waiter sees that its file has no name any more. */
                (void) unlinkat(lock->dir_fd, lock->name, 0);
                (void) close(lock->fd);
        }
        free(lock->name);
        free(lock);
        return NULL;
}

static bool is_current(const LedgerLock *lock) {
        struct stat ours, named;

        return fstat(lock->fd, &ours) == 0 &&
               fstatat(lock->dir_fd, lock->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
               ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* One try. Returns 1 with the lock held, 0 if somebody else has it. */
static int try_lock(LedgerLock *lock) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(lock->dir_fd, lock->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? 0 : -errno;
        lock->fd = fd;
        if (!is_current(lock)) {
                lock->fd = -EBADF;
                return 0;
        }
        fd = -EBADF;
        return 1;
}

/* True if the lock's file is another than the last time this was asked: each holder makes its own,
 * and a number may be used again, but hardly in the same tick of the clock. */
static bool is_another(const LedgerLock *lock, struct stat *last) {
        struct stat st;
        bool another;

        if (fstatat(lock->dir_fd, lock->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        another = st.st_ino != last->st_ino || st.st_ctim.tv_sec != last->st_ctim.tv_sec ||
                  st.st_ctim.tv_nsec != last->st_ctim.tv_nsec;
        *last = st;
        return another;
}

static int lock_within(Ledger *l, const char *target, usec_t timeout, usec_t longest,
                       LedgerLock **ret) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = calloc(1, sizeof(LedgerLock));
        usec_t now = clock_monotonic(), end = now + timeout, last = now + longest,
               pause = LOCK_POLL_FIRST;
        struct stat seen = {};
        int r;

        if (!lock)
                return -ENOMEM;
        lock->fd = -EBADF;
        if (l->fds[PLACE_RUN] < 0) {
                /* One place for all locks, also after a reboot when records persist elsewhere. */
                r = open_place(l->paths[PLACE_RUN], true, &l->fds[PLACE_RUN]);
                if (r < 0)
                        return r;
        }
        lock->dir_fd = l->fds[PLACE_RUN];
        lock->name = file_path("%s.lock", target);
        if (!lock->name)
                return -ENOMEM;
        /* Polled and not waited for in flock(): that has no time limit, and a signal to get one
         * is not ours to take inside another program's login. */
        while ((r = try_lock(lock)) == 0) {
                now = clock_monotonic();
                if (end < last && is_another(lock, &seen))
                        end = MIN_OF(now + timeout, last);
                if (now >= end)
                        return -EBUSY;
                clock_sleep(pause);
                pause = MIN_OF(pause * 2, LOCK_POLL_LAST);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(lock);
        return 0;
}

int ledger_lock(Ledger *l, const char *target, usec_t timeout, LedgerLock **ret) {
        return lock_within(l, target, timeout, timeout, ret);
}

int ledger_lock_in_turn(Ledger *l, const char *target, usec_t timeout, LedgerLock **ret) {
        return lock_within(l, target, timeout, timeout * LOCK_TURNS_MAX, ret);
}

int ledger_find_holder(const Ledger *l, const CgroupFs *fs, const char *target, LedgerHolder *ret) {
        _cleanup_free_ char *name = file_path("%s.lock", target);
        LedgerHolder h = {};
        struct stat st;
        ProcStat p;
        int r;

        if (!name)
                return -ENOMEM;
        if (l->fds[PLACE_RUN] < 0)
                return -ENOENT;
        if (fstatat(l->fds[PLACE_RUN], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        r = file_find_lock(&st, &h.pid);
        if (r >= 0)
                r = proc_read_stat(h.pid, &p);
        if (r < 0)
                return r == -ESRCH ? -ENOENT : r;
        for (size_t i = 0; p.comm[i]; i++)
                h.comm[i] = p.comm[i] > ' ' && p.comm[i] <= '~' ? p.comm[i] : '?';
        h.frozen = cgroupfs_is_frozen(fs, h.pid);
        h.stopped = h.frozen || p.state == 'T' || p.state == 't';
        *ret = h;
        return 0;
}

const char *ledger_describe_holder(const LedgerHolder *h, char buf[static LEDGER_HOLDER_TEXT_MAX]) {
        int pid = h->pid;

        if (h->frozen)
                (void) snprintf(
                        buf, LEDGER_HOLDER_TEXT_MAX,
                        "%s, process %d, is frozen with its cgroup in the middle of it; "
                        "'kill -KILL %d' ends it, and the next leash puts right what it left",
                        h->comm, pid, pid);
        else if (h->stopped)
                (void) snprintf(
                        buf, LEDGER_HOLDER_TEXT_MAX,
                        "%s, process %d, is stopped in the middle of it; 'kill -CONT %d' "
                        "has it go on, 'kill -KILL %d' ends it, and the next leash puts right what it "
                        "left",
                        h->comm, pid, pid, pid);
        else
                (void) snprintf(buf, LEDGER_HOLDER_TEXT_MAX, "%s, process %d, is working on it",
                                h->comm, pid);
        return buf;
}

#define NOTE ".note"
#define NOTE_TAKEN ".taken"
#define NOTE_AGE_MAX (60 * USEC_PER_SEC) /* a login gives up long before */

/* As a record, a note, or one that is being taken. */
static bool is_named_after(const char *name, const char *target) {
        size_t n = strlen(target);

        return strncmp(name, target, n) == 0 && (name[n] == '\0' || strcmp(name + n, NOTE) == 0 ||
                                                 strcmp(name + n, NOTE_TAKEN) == 0);
}

/* Keeps what could not be read under another name, for a person to look at. */
static void set_aside(int dir_fd, const char *target) {
        _cleanup_free_ char *name = file_path("%s.damaged", target);

        if (name)
                (void) renameat(dir_fd, target, dir_fd, name); /* if that fails it is met again */
}

static int read_from(int dir_fd, const char *name, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(dir_fd, name, RECORD_TEXT_MAX, &text, &size);
        if (r >= 0)
                r = record_from_text(text, size, &record);
        if (r >= 0 && !is_named_after(name, record->target))
                r = -EBADMSG;
        /* What another try might read is not damaged. */
        if (r == -EBADMSG || r == -EFBIG || r == -ELOOP || r == -EISDIR) {
                set_aside(dir_fd, name);
                return -EBADMSG;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(record);
        return 0;
}

/* A leash killed while moving a record from one place to the other leaves two: the newer counts. */
static bool is_newer(const Record *a, const Record *b) {
        return !b || a->serial > b->serial;
}

int ledger_read(Ledger *l, const char *target, Record **ret) {
        _cleanup_(record_freep) Record *found = NULL;
        int first = -ENOENT;

        for (Place i = 0; i < _PLACE_MAX; i++) {
                _cleanup_(record_freep) Record *record = NULL;
                int r = l->fds[i] < 0 ? -ENOENT : read_from(l->fds[i], target, &record);

                if (r < 0 && r != -ENOENT)
                        first = r;
                if (r >= 0 && is_newer(record, found)) {
                        record_free(found);
                        found = TAKE_PTR(record);
                }
        }
        if (!found)
                return first;
        *ret = TAKE_PTR(found);
        return 0;
}

int ledger_write(Ledger *l, const Record *record) {
        Place place = record->persist ? PLACE_LIB : PLACE_RUN;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (l->fds[place] < 0) {
                r = open_place(l->paths[place], true, &l->fds[place]);
                if (r < 0)
                        return r;
        }
        r = record_to_text(record, &text, &size);
        if (r < 0)
                return r;
        if (size > RECORD_TEXT_MAX) /* could not be read back */
                return -EFBIG;
        r = file_write_atomic(l->fds[place], record->target, text, size, 0600,
                              record->persist && !l->hurry);
        if (r < 0)
                return r;
        /* Whether a leash persists may change; the older place must not answer for it. */
        place = record->persist ? PLACE_RUN : PLACE_LIB;
        return l->fds[place] < 0 ? 0 : file_unlink(l->fds[place], record->target);
}

void ledger_hurry(Ledger *l) {
        l->hurry = true;
}

int ledger_stamp(Ledger *l, const char *target, usec_t *ret) {
        struct stat st;

        for (Place i = 0; i < _PLACE_MAX; i++) {
                if (l->fds[i] < 0 || fstatat(l->fds[i], target, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                *ret = (usec_t) st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
                return 0;
        }
        return -ENOENT;
}

int ledger_touch(Ledger *l, const char *target, usec_t *ret) {
        for (Place i = 0; i < _PLACE_MAX; i++)
                if (l->fds[i] >= 0 && utimensat(l->fds[i], target, NULL, AT_SYMLINK_NOFOLLOW) >= 0)
                        return ledger_stamp(l, target, ret);
        return -ENOENT;
}

int ledger_delete(Ledger *l, const Record *record) {
        for (Place i = 0; i < _PLACE_MAX; i++) {
                int r = l->fds[i] < 0 ? 0 : file_unlink(l->fds[i], record->target);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare_records(const void *a, const void *b) {
        const Record *x = *(Record *const *) a, *y = *(Record *const *) b;

        if (x->uid != y->uid)
                return x->uid > y->uid ? 1 : -1;
        return strcmp(x->target, y->target);
}

static bool is_record_name(const char *name) {
        size_t n = strlen(name);

        return name[0] != '.' && n > 6 &&
               (strcmp(name + n - 6, ".slice") == 0 || strcmp(name + n - 6, ".scope") == 0);
}

typedef struct RecordList {
        Record **records;
        size_t n, allocated, damaged;
} RecordList;

static int add_record(int dir_fd, const char *name, RecordList *list) {
        int r;

        r = ARRAY_GROW(list->records, &list->allocated, list->n, SIZE_MAX);
        if (r < 0)
                return r;
        r = read_from(dir_fd, name, &list->records[list->n]);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                list->n++;
        else if (r == -EBADMSG)
                list->damaged++;
        return 0;
}

static int read_place(int dir_fd, bool (*is_wanted)(const char *name), RecordList *list) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *de;
        int r = file_list(dir_fd, &d);

        while (r >= 0 && (de = readdir(d))) {
                if (is_wanted(de->d_name))
                        r = add_record(dir_fd, de->d_name, list);
        }
        return r;
}

static void drop_older(RecordList *list) {
        size_t kept = 0;

        for (size_t i = 0; i < list->n; i++) {
                Record *record = list->records[i];
                Record **last = kept > 0 ? &list->records[kept - 1] : NULL;
                Record *older = record;

                if (!last || strcmp((*last)->target, record->target) != 0) {
                        list->records[kept++] = record;
                        continue;
                }
                if (is_newer(record, *last)) {
                        older = *last;
                        *last = record;
                }
                record_free(older);
        }
        list->n = kept;
}

int ledger_read_all(Ledger *l, Record ***ret, size_t *ret_n, size_t *ret_damaged) {
        RecordList list = {};
        int r = 0;

        for (Place i = 0; i < _PLACE_MAX && r >= 0; i++)
                r = l->fds[i] < 0 ? 0 : read_place(l->fds[i], is_record_name, &list);
        if (r < 0) {
                ledger_free_records(list.records, list.n);
                return r;
        }
        if (list.n > 0)
                qsort(list.records, list.n, sizeof(Record *), compare_records);
        drop_older(&list);
        *ret = list.records;
        *ret_n = list.n;
        *ret_damaged = list.damaged;
        return 0;
}

static bool is_note_name(const char *name) {
        size_t n = strlen(name), m = strlen(NOTE);

        return name[0] != '.' && n > m && strcmp(name + n - m, NOTE) == 0;
}

int ledger_leave_note(Ledger *l, const Record *record) {
        _cleanup_free_ char *name = file_path("%s" NOTE, record->target), *text = NULL;
        size_t size;
        int r;

        if (!name)
                return -ENOMEM;
        if (l->fds[PLACE_RUN] < 0)
                return -ENOENT;
        r = record_to_text(record, &text, &size);
        return r < 0 ? r : file_write_shared(l->fds[PLACE_RUN], name, text, size, 0600);
}

int ledger_take_note(Ledger *l, const char *target, Record **ret) {
        _cleanup_free_ char *name = file_path("%s" NOTE, target),
                            *taken = file_path("%s" NOTE_TAKEN, target);
        int r;

        if (!name || !taken)
                return -ENOMEM;
        if (l->fds[PLACE_RUN] < 0)
                return -ENOENT;
        /* One that is left meanwhile has the first name, and stays. */
        if (renameat(l->fds[PLACE_RUN], name, l->fds[PLACE_RUN], taken) < 0)
                return -errno;
        r = read_from(l->fds[PLACE_RUN], taken, ret);
        (void) unlinkat(l->fds[PLACE_RUN], taken, 0); /* the next one takes its place */
        return r;
}

int ledger_read_notes(Ledger *l, Record ***ret, size_t *ret_n) {
        RecordList list = {};
        int r;

        r = l->fds[PLACE_RUN] < 0 ? 0 : read_place(l->fds[PLACE_RUN], is_note_name, &list);
        if (r < 0) {
                ledger_free_records(list.records, list.n);
                return r;
        }
        *ret = list.records;
        *ret_n = list.n;
        return 0;
}

void ledger_free_records(Record **records, size_t n) {
        for (size_t i = 0; i < n; i++)
                record_free(records[i]);
        free(records);
}

/* ".TARGET.tmp" or "TARGET.lock". */
static bool leftover_target(const char *name, char ret[PLACEMENT_NAME_MAX]) {
        bool temporary = name[0] == '.';
        const char *suffix = temporary ? ".tmp" : ".lock";
        size_t n = strlen(name), m = strlen(suffix);

        if (n <= m + temporary || n >= PLACEMENT_NAME_MAX || strcmp(name + n - m, suffix) != 0)
                return false;
        (void) snprintf(ret, PLACEMENT_NAME_MAX, "%.*s", (int) (n - m - temporary),
                        name + temporary);
        return is_record_name(ret);
}

/* What was to become a note is written without the lock, so it is left alone as long as its writer
 * may live: ".TARGET.note.TID.tmp". */
static bool is_old_note(int dir_fd, const char *name) {
        static const char suffix[] = ".tmp";
        size_t n = strlen(name), m = strlen(suffix);
        struct stat st;

        return name[0] == '.' && strstr(name, NOTE ".") && n > m &&
               strcmp(name + n - m, suffix) == 0 &&
               fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               (usec_t) st.st_mtim.tv_sec * USEC_PER_SEC + NOTE_AGE_MAX < clock_realtime();
}

void ledger_sweep(Ledger *l) {
        for (Place i = 0; i < _PLACE_MAX; i++) {
                _cleanup_closedir_ DIR *d = NULL;
                struct dirent *de;

                if (l->fds[i] < 0 || file_list(l->fds[i], &d) < 0)
                        continue; /* tried again next time */
                while ((de = readdir(d))) {
                        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
                        char target[PLACEMENT_NAME_MAX];

                        if (is_old_note(l->fds[i], de->d_name))
                                (void) unlinkat(l->fds[i], de->d_name,
                                                0); /* tried again next time */

                        /* Under the lock nobody else is writing; unlocking removes the lock's file.
                         */
                        if (leftover_target(de->d_name, target) &&
                            ledger_lock(l, target, 0, &lock) >= 0 && de->d_name[0] == '.')
                                (void) unlinkat(l->fds[i], de->d_name,
                                                0); /* tried again next time */
                }
        }
}
