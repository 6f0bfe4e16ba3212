/* SPDX-License-Identifier: MIT */
/* Text of users and admins: cgroup paths, times, sizes, and what is shown on a terminal. */

#include "fuzz.h"

#include "core/parse.h"
#include "core/placement.h"

static void check_escaped(const char *text, size_t size) {
        _cleanup_free_ char *whole = escape_text(text, strlen(text)),
                            *cut = escape_text(text, size / 2), *back = NULL;

        must(whole && cut);
        for (const char *p = whole; *p; p++)
                must((unsigned char) *p >= 0x20 && *p != 0x7f);
        for (const char *p = cut; *p; p++)
                must((unsigned char) *p >= 0x20 && *p != 0x7f);
        must(unescape_text(whole, &back) == 0);
        must(strcmp(back, text) == 0);
}

static void check_unescaped(const char *text) {
        _cleanup_free_ char *out = NULL;

        if (unescape_text(text, &out) == 0)
                must(strlen(out) <= strlen(text));
}

static void check_place(const char *text) {
        Placement p;

        if (placement_parse(text, &p) < 0)
                return;
        must(p.kind >= 0 && p.kind < _PLACEMENT_MAX);
        must((p.owner != (uid_t) -1) ==
             (p.kind == PLACEMENT_SESSION || p.kind == PLACEMENT_MANAGER ||
              p.kind == PLACEMENT_LEASHED || p.kind == PLACEMENT_SLICE));
        must(!strchr(p.session, '/') && !strchr(p.unit, '/') && !strchr(p.app, '/'));
        must((p.session[0] != '\0') == (p.kind == PLACEMENT_SESSION));
}

/* Nothing below their own slice makes a user another. */
static void check_owner(const char *text) {
        static const char slice[] = "/user.slice/user-1000.slice/";
        _cleanup_free_ char *path = malloc(sizeof(slice) + strlen(text));
        Placement p;

        must(path);
        strcpy(path, slice);
        strcat(path, text);
        must(placement_parse(path, &p) == 0);
        must(p.owner == 1000);
}

static void check_times(const char *text) {
        const usec_t now = UINT64_C(1768478400) * USEC_PER_SEC;
        char buf[TIMESTAMP_MAX], span[64];
        usec_t when, again;
        uint64_t bytes;

        if (parse_timestamp(text, now, &when) == 0) {
                format_timestamp(when, buf);
                must(parse_rfc3339(buf, &again) == 0 && again == when);
        }
        (void) parse_rfc3339(text, &when);
        if (parse_duration(text, &when) == 0)
                format_duration(when, span, sizeof(span));
        if (parse_size(text, &bytes) == 0)
                format_size(bytes, span, sizeof(span));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_string(data, size);

        check_escaped(text, size);
        check_unescaped(text);
        check_place(text);
        check_owner(text);
        check_times(text);
        return 0;
}
