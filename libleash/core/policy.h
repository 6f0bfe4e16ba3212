/* SPDX-License-Identifier: MIT */
/* The policy: what an admin wrote in leash.conf(5), and what it decides for one user's session.
 *
 * A Policy is built from the texts of leash.conf and its drop-ins, in that order; what is wrong in
 * them is collected with file and line, and the rest counts. A decision lays all sections of one
 * kind that match the facts over the kind's defaults: in the order of the files, a later one wins
 * key by key, an empty value takes back what an earlier one said.
 *
 * [KIND NAME] again, in the same file or in a drop-in, continues the section of that name, in its
 * old place and with its match keys, as [Service] does in drop-ins of systemd. In one section a
 * list given twice is added up, an empty value clears it.
 *
 * A section with a mistake in what it matches applies to nobody: what was meant for some must not
 * fall on all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/limits.h"

#define POLICY_SIZE_MAX (1024 * 1024) /* of one file */
#define POLICY_LINE_MAX 190           /* libinih keeps lines of 200 in its usual builds */
#define POLICY_SECTIONS_MAX 4096
#define POLICY_LIST_MAX 512  /* words in one list */
#define POLICY_ERRORS_MAX 64 /* kept; the others are counted */
#define POLICY_STEPS_MAX 8

typedef enum PolicyKind {
        POLICY_LIMITS,  /* what a login starts with */
        POLICY_STATE,   /* what becomes of a session in a state */
        POLICY_RUNAWAY, /* who is over their share while others wait */
        POLICY_LOCK,    /* the screen locker */
        POLICY_EXEMPT,  /* for whom limits, state and runaway do not count */
        POLICY_XRDP,
        POLICY_DAEMON, /* how leashd itself works on this host */
        _POLICY_KIND_MAX,
        _POLICY_KIND_INVALID = -EINVAL,
} PolicyKind;

const char *policy_kind_to_string(PolicyKind kind);

/* What a [state] section's when= says. */
typedef enum PolicyWhen {
        POLICY_DISCONNECTED,
        POLICY_LOCKED,
        POLICY_IDLE,
        POLICY_CLOSING,
        _POLICY_WHEN_MAX,
        _POLICY_WHEN_INVALID = -EINVAL,
} PolicyWhen;

typedef enum PolicyOnDisconnect {
        POLICY_ON_DISCONNECT_IGNORE,
        POLICY_ON_DISCONNECT_LOCK,
        _POLICY_ON_DISCONNECT_MAX,
} PolicyOnDisconnect;

/* What is known of a session. Everything is borrowed; NULL where it is not known, and then no
 * section that asks for it matches. */
typedef struct PolicyFacts {
        const char *user;
        uid_t uid;
        uid_t uid_min; /* of login.defs: root and uids below are matched by match-user= alone */
        const char *const *groups; /* all of the user's, nested ones as NSS resolves them */
        size_t n_groups;
        const char *service; /* PAM service */
        const char *class;   /* logind's: user, greeter, background, ... */
        const char *type;    /* logind's: x11, wayland, tty, ... */
        const char *remote;  /* host that the session comes from */
        const char *host;    /* this host's name */
} PolicyFacts;

/* Where something was said; file is NULL where nothing but the default speaks. Lives as long as the
 * policy. */
typedef struct PolicySource {
        const char *file;
        unsigned line;
        const char *section; /* its name without the kind */
} PolicySource;

/* A list of words that lives as long as the policy. */
typedef struct PolicyList {
        char **words;
        size_t n;
} PolicyList;

/* ---- decisions: in times USEC_INFINITY is "never"; strings and lists live with the policy ------
 */

/* One limit's or key's source each: limits come first, by their number, then the kind's own keys in
 * the order of its table. */
#define POLICY_KEYS_MAX (_LIMIT_MAX + 12)

typedef struct PolicyLimits {
        PolicySource from[POLICY_KEYS_MAX];
        Limits limits;
} PolicyLimits;

typedef struct PolicyState {
        PolicySource from[POLICY_KEYS_MAX];
        PolicyWhen when;
        Limits squeeze; /* for the state layer; may be empty */
        usec_t after;   /* in that state; 0 is at once */
        usec_t warn_after, end_after;
} PolicyState;

typedef struct PolicyStep {
        uint64_t quota; /* as LIMIT_CPU_QUOTA's value */
        usec_t duration;
} PolicyStep;

typedef struct PolicySteps {
        size_t n;
        PolicyStep step[POLICY_STEPS_MAX];
} PolicySteps;

typedef struct PolicyRunaway {
        PolicySource from[POLICY_KEYS_MAX];
        unsigned pressure; /* PSI some of the machine's CPU, in hundredths of a percent */
        unsigned share;    /* of ncpu / active users, in hundredths of a percent */
        usec_t window, forget;
        PolicySteps steps;
        PolicyList exempt_command; /* file names of programs, as in /proc/PID/exe */
        unsigned memory_pressure;  /* the same of its memory; 0: memory is not looked at */
} PolicyRunaway;

typedef struct PolicyLock {
        PolicySource from[POLICY_KEYS_MAX];
        usec_t idle, warn, inhibit_max, logout_after, blank_after;
        const char *locker, *fallback_locker; /* a command line; NULL if none is set */
        PolicyOnDisconnect on_disconnect;
} PolicyLock;

typedef enum PolicyWhenFull {
        POLICY_WHEN_FULL_NOTHING,
        POLICY_WHEN_FULL_EVICT, /* the session that nobody has looked at for longest */
        _POLICY_WHEN_FULL_MAX,
} PolicyWhenFull;

/* What becomes of sessions that are of no use to anybody. */
typedef enum PolicyLeftover {
        POLICY_LEFTOVER_KEEP,
        POLICY_LEFTOVER_END,
        _POLICY_LEFTOVER_MAX,
} PolicyLeftover;

typedef struct PolicyXrdp {
        PolicySource from[POLICY_KEYS_MAX];
        unsigned max_sessions; /* of all whom the one section matches; see policy_xrdp_pools() */
        unsigned max_sessions_per_user; /* 0: as many as they like */
        PolicyWhenFull when_full;
        usec_t warn; /* before a session is ended for any of this */
        PolicyLeftover duplicates, orphans;
        bool greet; /* tell users what applies to them when they connect */
} PolicyXrdp;

/* Sections that bound how many sessions there are of all whom they match together. */
typedef struct PolicyPool {
        unsigned section; /* which one, by its place in the policy */
        unsigned max;
} PolicyPool;

typedef enum PolicyMode {
        POLICY_MODE_ENFORCE,
        POLICY_MODE_WATCH, /* say what would be done, and do nothing */
        _POLICY_MODE_MAX,
} PolicyMode;

typedef struct PolicyDaemon {
        PolicySource from[POLICY_KEYS_MAX];
        PolicyMode mode;
        const char *textfile; /* for node_exporter; NULL for none */
} PolicyDaemon;

typedef struct Policy Policy;

/* `host` is what percentages of the machine refer to. NULL when out of memory. */
Policy *policy_new(const LimitsHost *host);
Policy *policy_free(Policy *p);
DEFINE_CLEANUP(Policy *, policy_free);

/* Takes in one file's text; `file` is its name, for messages. Returns 0, whatever the text holds
 * (see policy_errors()); -ENOMEM. */
int policy_add(Policy *p, const char *file, const char *text, size_t size);

typedef struct PolicyError {
        char *file;
        unsigned line; /* 0 if it concerns the whole file */
        char *text;    /* escape before showing: it quotes the file */
} PolicyError;

/* To be called after the last text: says what only the whole can tell, such as a [state] without
 * when=. Returns 0 or -ENOMEM. */
int policy_finish(Policy *p);

/* Notes a mistake; for the os layer: a file that could not be read. Returns 0 or -ENOMEM. */
int policy_error(Policy *p, const char *file, unsigned line, const char *format, ...)
        _printf_(4, 5);

/* What is wrong; *ret_total counts those, too, that were not kept. Lives as long as the policy. */
const PolicyError *policy_errors(const Policy *p, size_t *ret_n, size_t *ret_total);

/* For the os layer: something of the policy is there and could not be read, so what it says is not
 * known. */
void policy_set_unread(Policy *p);
bool policy_is_unread(const Policy *p);

/* True if any section asks for groups: looking them up may be slow. */
bool policy_wants_groups(const Policy *p);

/* True if any section asks for a user by name, and not by number. */
bool policy_wants_names(const Policy *p);

/* True if any section tells a user's sessions apart: by service, class, type or remote host. */
bool policy_wants_sessions(const Policy *p);

/* Adds a decision of another session of the same user: of two limits the stricter one stays, with
 * its source. */
void policy_limits_join(PolicyLimits *l, const PolicyLimits *other);

/* True for a user whom limits, state and runaway leave alone: an [exempt] section says so, whose
 * source is in *ret (may be NULL). Root and system users are not meant here: no section matches
 * them but by name. */
bool policy_is_exempt(const Policy *p, const PolicyFacts *facts, PolicySource *ret);

/* Decisions. False, and only defaults in *ret, if no section matches or the user is exempt; locks
 * are for the exempt as well. */
bool policy_limits(const Policy *p, const PolicyFacts *facts, PolicyLimits *ret);
bool policy_state(const Policy *p, const PolicyFacts *facts, PolicyWhen when, PolicyState *ret);
bool policy_runaway(const Policy *p, const PolicyFacts *facts, PolicyRunaway *ret);
bool policy_lock(const Policy *p, const PolicyFacts *facts, PolicyLock *ret);

/* False if no section matches. Who is exempt is bound by it as well; the caller spares them. */
bool policy_xrdp(const Policy *p, const PolicyFacts *facts, PolicyXrdp *ret);

/* The matching sections that say max-sessions, `max` of them at most; unlike other keys these do
 * not override each other, since each bounds another set of people. Returns how many. */
size_t policy_xrdp_pools(const Policy *p, const PolicyFacts *facts, PolicyPool *ret, size_t max);

/* Of nobody in particular: the sections of this host count, whatever users they match. */
bool policy_daemon(const Policy *p, const char *host, PolicyDaemon *ret);

/* The name of a kind's key, for i from 0: also the index in `from`. NULL where the kind has no such
 * key (a gap) or beyond the last one, see policy_n_keys(). */
const char *policy_key(PolicyKind kind, size_t i);

/* Of the sources of n keys the one that was said last, by file and line, which drop-ins are ordered
 * by; NULL if none was said. */
const PolicySource *policy_last_said(const PolicySource from[], size_t n);

/* The source of the key of that name; NULL if it was not said. */
const PolicySource *policy_said(PolicyKind kind, const PolicySource from[], const char *key);

size_t policy_n_keys(PolicyKind kind);
