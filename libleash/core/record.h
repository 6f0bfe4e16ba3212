/* SPDX-License-Identifier: MIT */
/* One target's entry in the ledger: what was decided, and what was there before.
 *
 * The record is the intent and the system follows it. Whoever wants a change writes the record
 * first, marked dirty, then makes the system match, then writes it again, clean. A process killed
 * in between leaves a dirty record, and making the system match a record can be done any number
 * of times; so the next leash to come by finishes the work. A record in which no layer sets
 * anything means: give the target back as it was, then delete the record. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/layers.h"
#include "core/placement.h"

typedef enum TargetScope {
        TARGET_USER,    /* user-UID.slice: everything of a user's logins */
        TARGET_SESSION, /* session-ID.scope */
        TARGET_TREE,    /* one process and its descendants, in a scope of ours */
        _TARGET_SCOPE_MAX,
        _TARGET_SCOPE_INVALID = -EINVAL,
} TargetScope;

const char *target_scope_to_string(TargetScope scope);
TargetScope target_scope_from_string(const char *name);

typedef struct RecordLayer {
        Limits limits;
        char *by;     /* who set it; NULL if nobody did */
        char *reason; /* NULL if none was given */
        usec_t since; /* realtime */
        usec_t until; /* realtime; USEC_INFINITY for "until released" */
} RecordLayer;

/* A file of somebody else's that leash had to touch, with what it held before. */
typedef struct RecordFile {
        char *name;
        char *content; /* NULL if there was no such file */
} RecordFile;

/* A process that was moved, and the cgroup it came from: cgroup backend only, where putting it
 * back is our job. The start time, in clock ticks after boot, tells it from a later process of
 * the same number. */
typedef struct RecordOrigin {
        pid_t pid;
        uint64_t start_ticks;
        char *cgroup;
} RecordOrigin;

#define RECORD_FILES_MAX 16
#define RECORD_SCOPES_MAX 16
#define RECORD_ORIGINS_MAX 4096
#define RECORD_REASON_MAX 256
#define RECORD_CONTENT_MAX (16 * 1024)
#define RECORD_CGROUP_MAX 1024
/* Bounds what is read back. Files and origins at their largest, each byte escaped to four, make
 * 17 MiB. */
#define RECORD_TEXT_MAX (32 * 1024 * 1024)

typedef struct Record {
        char target[PLACEMENT_NAME_MAX]; /* unit name; also the record's file name */
        TargetScope scope;
        uid_t uid;
        char *user;
        uint64_t serial; /* new with each change; an expiry timer names the one it was set for */
        bool dirty;
        bool persist;
        unsigned
                share; /* of the quota, in percent, for the offenders' scope; 0: nobody is spared */
        char *backend; /* whose means are used; NULL in records from before this was written down */
        char *timer;   /* what ends the leash when its time is up, named by the backend */
        char *fingerprint; /* of the admin's drop-ins when base was read */
        Limits base;
        RecordLayer layers[_LAYER_MAX];
        size_t n_files;
        RecordFile files[RECORD_FILES_MAX];
        size_t n_scopes;
        char *scopes[RECORD_SCOPES_MAX]; /* scopes the offenders were moved to */
        size_t n_origins;
        RecordOrigin *origins;
} Record;

Record *record_new(const char *target, TargetScope scope, uid_t uid, const char *user);
Record *record_free(Record *r);
DEFINE_CLEANUP(Record *, record_free);

/* Replaces one layer's limits and the facts around them; by and reason are copied, and may be NULL
 * where nobody knows or says. Limits already in the layer stay unless `limits` sets them anew.
 * Returns 0 or -ENOMEM. */
int record_set_layer(Record *r, Layer layer, const Limits *limits, const char *by,
                     const char *reason, usec_t since, usec_t until);

/* Forgets what a layer set. */
void record_clear_layer(Record *r, Layer layer);

/* Only an admin's layer is to survive a reboot: what others leave without one persists no more. A
 * record of no layer at all stays where it is until it has been given back. */
void record_settle_place(Record *r);

/* The limits in force by this record, see layers_effective(). */
void record_effective(const Record *r, Limits *ret, Layer ret_from[_LIMIT_MAX]);

/* The highest layer that sets anything, or _LAYER_INVALID if none does. */
Layer record_top_layer(const Record *r);

/* The earliest end of any layer; USEC_INFINITY if none ends. */
usec_t record_next_expiry(const Record *r);

/* Drops every layer whose time has passed; returns how many. */
unsigned record_expire(Record *r, usec_t now);

/* Adds an entry; a name that is there already keeps its first content, since that is what was
 * there before leash. Returns 0; -ENOMEM; -ENOBUFS if the record is full; -EFBIG or -ENAMETOOLONG
 * for a content or a cgroup that is too large to keep. */
int record_add_file(Record *r, const char *name, const char *content);
int record_add_scope(Record *r, const char *scope);
int record_add_origin(Record *r, pid_t pid, uint64_t start_ticks, const char *cgroup);

/* Forgets a file: nothing is to be put back. */
void record_drop_file(Record *r, const char *name);

/* True if only the policy and what follows from it speak, no admin: such a record ends with the
 * user's last login. A penalty does not: who logs out and in again has not served it. */
bool record_is_policys(const Record *r);

/* Writes the record as text. Returns 0 and a new string, or -ENOMEM. */
int record_to_text(const Record *r, char **ret, size_t *ret_size);

/* Reads it back. Keys and sections that this version does not know are skipped, so that a newer
 * leash may add some. Returns 0; -EBADMSG for a text that is damaged or was cut off; -ENOMEM. */
int record_from_text(const char *text, size_t size, Record **ret);
