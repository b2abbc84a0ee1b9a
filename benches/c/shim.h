/* The same few functions over each library, so that the benchmarks are written once. */
#ifndef IOMUX_BENCH_SHIM_H
#define IOMUX_BENCH_SHIM_H

#include <stddef.h>
#include <stdint.h>

/* Called from the library's callback for each event of a wait. */
typedef void found(void *context, size_t token);

/* The receiver of this wait's events, and the watcher of each token. */
struct shim {
    found *found;
    void *context;
    void **watchers;
    size_t tokens;
};

/* The functions that Rust calls. `loop` begins with a struct shim. */
struct library {
    void *(*create)(int variant);
    void (*destroy)(void *loop);
    int (*add)(void *loop, int fd, size_t token, int write);
    int (*modify)(void *loop, size_t token, int write);
    int (*remove)(void *loop, size_t token);
    /* -1 ns waits indefinitely. */
    int (*wait)(void *loop, int64_t ns, found *found, void *context);
    int (*waker)(void *loop, size_t token);
    void (*wake)(void *loop);
};

/* Makes room for `token`. Returns its watcher from an earlier registration, or NULL. */
void *shim_watcher(struct shim *shim, size_t token);
void shim_keep(struct shim *shim, size_t token, void *watcher);
void shim_clear(struct shim *shim);

static inline void shim_begin(struct shim *shim, found *found, void *context) {
    shim->found = found;
    shim->context = context;
}

static inline void shim_found(struct shim *shim, size_t token) {
    shim->found(shim->context, token);
}

#endif
