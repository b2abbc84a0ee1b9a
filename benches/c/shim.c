#include "shim.h"
#include <stdlib.h>
#include <string.h>

static void *must(void *memory) {
    if (!memory)
        abort();
    return memory;
}

void *shim_watcher(struct shim *shim, size_t token) {
    if (token >= shim->tokens) {
        size_t tokens = token + 1 + token / 2;
        shim->watchers = must(realloc(shim->watchers, tokens * sizeof *shim->watchers));
        memset(shim->watchers + shim->tokens, 0, (tokens - shim->tokens) * sizeof *shim->watchers);
        shim->tokens = tokens;
    }
    return shim->watchers[token];
}

void shim_keep(struct shim *shim, size_t token, void *watcher) {
    shim->watchers[token] = must(watcher);
}

void shim_clear(struct shim *shim) {
    free(shim->watchers);
}
