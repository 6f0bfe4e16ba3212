/* SPDX-License-Identifier: MIT */
/* A Kerberos credential cache of the FILE kind. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/ccache.h"

#define COMPONENTS_MAX 64
#define LIST_MAX 1024

/* What is left to be read. A reading beyond the end sets it to nothing, for good. */
typedef struct Input {
        const uint8_t *at;
        size_t left;
        bool bad;
} Input;

static void skip(Input *in, size_t n) {
        if (in->bad || n > in->left) {
                in->bad = true;
                in->left = 0;
                return;
        }
        in->at += n;
        in->left -= n;
}

static uint32_t take(Input *in, unsigned bytes) {
        const uint8_t *at = in->at;
        uint32_t value = 0;

        skip(in, bytes);
        for (unsigned i = 0; i < bytes && !in->bad; i++)
                value = value << 8 | at[i];
        return value;
}

/* A length and so many bytes. */
static void skip_data(Input *in) {
        skip(in, take(in, 4));
}

/* Returns true if its first component is the word. */
static bool take_principal(Input *in, const char *word) {
        uint32_t n;
        bool found = false;

        skip(in, 4); /* type of name */
        n = take(in, 4);
        if (n > COMPONENTS_MAX)
                in->bad = true;
        skip_data(in); /* realm */
        for (uint32_t i = 0; i < n && !in->bad; i++) {
                uint32_t length = take(in, 4);
                const uint8_t *at = in->at;

                skip(in, length);
                if (i == 0 && !in->bad && length == strlen(word))
                        found = memcmp(at, word, length) == 0;
        }
        return found && !in->bad;
}

static void skip_list(Input *in) {
        uint32_t n = take(in, 4);

        if (n > LIST_MAX)
                in->bad = true;
        for (uint32_t i = 0; i < n && !in->bad; i++) {
                skip(in, 2); /* type */
                skip_data(in);
        }
}

/* Returns true for a ticket of the realm's. */
static bool take_credential(Input *in, unsigned version, uint64_t *ret_end) {
        bool krbtgt;

        (void) take_principal(in, "");
        krbtgt = take_principal(in, "krbtgt");
        skip(in, version == 3 ? 4 : 2); /* key: type, in version 3 twice */
        skip_data(in);
        skip(in, 8); /* authtime, starttime */
        *ret_end = take(in, 4);
        skip(in, 4 + 1 + 4); /* renew till, is_skey, flags */
        skip_list(in);       /* addresses */
        skip_list(in);       /* authorization data */
        skip_data(in);       /* ticket */
        skip_data(in);       /* second ticket */
        return krbtgt && !in->bad;
}

int ccache_end_time(const uint8_t *data, size_t size, uint64_t *ret) {
        Input in = { data, size, false };
        unsigned version;
        uint64_t latest = 0;
        bool any = false;

        if (size > CCACHE_SIZE_MAX || take(&in, 1) != 5)
                return -EBADMSG;
        version = take(&in, 1);
        if (version != 3 && version != 4)
                return -EBADMSG;
        if (version == 4)
                skip(&in, take(&in, 2)); /* header */
        (void) take_principal(&in, "");
        while (!in.bad && in.left > 0) {
                uint64_t end;

                if (take_credential(&in, version, &end)) {
                        any = true;
                        latest = end > latest ? end : latest;
                }
        }
        if (in.bad)
                return -EBADMSG;
        if (!any)
                return -ENODATA;
        *ret = latest;
        return 0;
}
