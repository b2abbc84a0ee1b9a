#include "shim.h"
#include <ev.h>
#include <stdlib.h>

struct loop {
    struct shim shim;
    struct ev_loop *ev;
    ev_timer timer;
    ev_async async;
    size_t async_token;
};

struct watcher {
    ev_io io;
    size_t token;
};

static int events_of(int write) { return write ? EV_READ | EV_WRITE : EV_READ; }

static void on_io(struct ev_loop *ev, ev_io *io, int events) {
    struct loop *loop = ev_userdata(ev);
    (void)events;
    shim_found(&loop->shim, ((struct watcher *)io)->token);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)timer, (void)events;
}

static void on_async(struct ev_loop *ev, ev_async *async, int events) {
    struct loop *loop = ev_userdata(ev);
    (void)async, (void)events;
    shim_found(&loop->shim, loop->async_token);
}

static void *create(int variant) {
    struct loop *loop = calloc(1, sizeof *loop);
    unsigned backend = variant == 0 ? EVBACKEND_EPOLL : EVBACKEND_POLL;
    if (!loop || !(loop->ev = ev_loop_new(backend | EVFLAG_NOENV))) {
        free(loop);
        return NULL;
    }
    ev_set_userdata(loop->ev, loop);
    return loop;
}

static void destroy(void *data) {
    struct loop *loop = data;
    ev_loop_destroy(loop->ev);
    for (size_t token = 0; token < loop->shim.tokens; token++)
        free(loop->shim.watchers[token]);
    shim_clear(&loop->shim);
    free(loop);
}

static int add(void *data, int fd, size_t token, int write) {
    struct loop *loop = data;
    struct watcher *watcher = shim_watcher(&loop->shim, token);
    if (!watcher) {
        watcher = malloc(sizeof *watcher);
        shim_keep(&loop->shim, token, watcher);
    }
    watcher->token = token;
    ev_io_init(&watcher->io, on_io, fd, events_of(write));
    ev_io_start(loop->ev, &watcher->io);
    return 0;
}

static int modify(void *data, size_t token, int write) {
    struct loop *loop = data;
    struct watcher *watcher = loop->shim.watchers[token];
    ev_io_stop(loop->ev, &watcher->io);
    ev_io_modify(&watcher->io, events_of(write));
    ev_io_start(loop->ev, &watcher->io);
    return 0;
}

static int remove_(void *data, size_t token) {
    struct loop *loop = data;
    struct watcher *watcher = loop->shim.watchers[token];
    ev_io_stop(loop->ev, &watcher->io);
    return 0;
}

static int wait_(void *data, int64_t ns, found *found, void *context) {
    struct loop *loop = data;
    shim_begin(&loop->shim, found, context);
    if (ns <= 0) {
        ev_run(loop->ev, ns == 0 ? EVRUN_NOWAIT : EVRUN_ONCE);
        return 0;
    }
    ev_now_update(loop->ev);
    ev_timer_init(&loop->timer, on_timer, (double)ns / 1e9, 0.);
    ev_timer_start(loop->ev, &loop->timer);
    ev_run(loop->ev, EVRUN_ONCE);
    ev_timer_stop(loop->ev, &loop->timer);
    return 0;
}

static int waker(void *data, size_t token) {
    struct loop *loop = data;
    loop->async_token = token;
    ev_async_init(&loop->async, on_async);
    ev_async_start(loop->ev, &loop->async);
    return 0;
}

static void wake(void *data) {
    struct loop *loop = data;
    ev_async_send(loop->ev, &loop->async);
}

const struct library iomux_bench_libev = {create, destroy, add, modify, remove_, wait_, waker, wake};
