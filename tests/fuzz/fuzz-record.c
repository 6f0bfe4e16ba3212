/* SPDX-License-Identifier: MIT */
/* A record's text: whatever is read is bounded, and is written and read again the same. */

#include "fuzz.h"

#include "core/record.h"

static void check_names(const Record *r) {
        must(r->target[0] != '\0' && !strchr(r->target, '/'));
        must(r->uid != (uid_t) -1 && r->user);
        must(r->n_files <= RECORD_FILES_MAX && r->n_scopes <= RECORD_SCOPES_MAX &&
             r->n_origins <= RECORD_ORIGINS_MAX);
        for (size_t i = 0; i < r->n_files; i++)
                must(!strchr(r->files[i].name, '/') && r->files[i].name[0] != '.' &&
                     r->files[i].name[0] != '\0');
        for (size_t i = 0; i < r->n_scopes; i++)
                must(!strchr(r->scopes[i], '/') && strncmp(r->scopes[i], "leash-", 6) == 0);
        for (size_t i = 0; i < r->n_origins; i++)
                must(r->origins[i].pid > 0 && r->origins[i].cgroup[0] == '/' &&
                     !strstr(r->origins[i].cgroup, "/../"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = fuzz_string(data, size), *text = NULL, *twice = NULL;
        _cleanup_(record_freep) Record *r = NULL, *again = NULL;
        size_t text_size, twice_size;
        Limits effective;
        int k;

        k = record_from_text(copy, size, &r);
        must(k == 0 || k == -EBADMSG);
        must(!r == (k < 0));
        if (k < 0)
                return 0;
        check_names(r);
        record_effective(r, &effective, NULL);
        must(record_to_text(r, &text, &text_size) == 0);
        must(text_size <= RECORD_TEXT_MAX);
        must(record_from_text(text, text_size, &again) == 0);
        must(record_to_text(again, &twice, &twice_size) == 0);
        must(twice_size == text_size && memcmp(text, twice, text_size) == 0);
        return 0;
}
