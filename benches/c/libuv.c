#include "shim.h"
#include <stdlib.h>
#include <uv.h>

struct loop {
    struct shim shim;
    uv_loop_t uv;
    uv_timer_t timer;
    uv_async_t async;
    size_t async_token;
};

struct watcher {
    uv_poll_t poll;
    int fd;
    size_t token;
};

static int events_of(int write) { return write ? UV_READABLE | UV_WRITABLE : UV_READABLE; }

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct loop *loop = poll->loop->data;
    (void)status, (void)events;
    shim_found(&loop->shim, ((struct watcher *)poll)->token);
}

static void on_timer(uv_timer_t *timer) { (void)timer; }

static void on_async(uv_async_t *async) {
    struct loop *loop = async->loop->data;
    shim_found(&loop->shim, loop->async_token);
}

static void on_close(uv_handle_t *handle) {
    if (handle->type == UV_POLL)
        free(handle);
}

static void *create(int variant) {
    struct loop *loop = calloc(1, sizeof *loop);
    (void)variant;
    if (!loop || uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    loop->uv.data = loop;
    if (uv_timer_init(&loop->uv, &loop->timer) != 0)
        abort();
    return loop;
}

static void close_handle(uv_handle_t *handle, void *argument) {
    (void)argument;
    if (!uv_is_closing(handle))
        uv_close(handle, on_close);
}

static void destroy(void *data) {
    struct loop *loop = data;
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop->uv) != 0)
        abort();
    shim_clear(&loop->shim);
    free(loop);
}

static int start(struct watcher *watcher, int write) {
    return uv_poll_start(&watcher->poll, events_of(write), on_poll);
}

static int add(void *data, int fd, size_t token, int write) {
    struct loop *loop = data;
    struct watcher *watcher = shim_watcher(&loop->shim, token);
    /* A stopped handle may be started again for the same number. */
    if (watcher && watcher->fd == fd)
        return start(watcher, write);
    if (watcher)
        uv_close((uv_handle_t *)&watcher->poll, on_close);
    watcher = malloc(sizeof *watcher);
    shim_keep(&loop->shim, token, watcher);
    watcher->token = token;
    watcher->fd = fd;
    int status = uv_poll_init(&loop->uv, &watcher->poll, fd);
    return status == 0 ? start(watcher, write) : status;
}

static int modify(void *data, size_t token, int write) {
    struct loop *loop = data;
    return start(loop->shim.watchers[token], write);
}

static int remove_(void *data, size_t token) {
    struct loop *loop = data;
    struct watcher *watcher = loop->shim.watchers[token];
    return uv_poll_stop(&watcher->poll);
}

static int wait_(void *data, int64_t ns, found *found, void *context) {
    struct loop *loop = data;
    shim_begin(&loop->shim, found, context);
    if (ns <= 0) {
        uv_run(&loop->uv, ns == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        return 0;
    }
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->timer, on_timer, (uint64_t)(ns + 999999) / 1000000, 0);
    uv_run(&loop->uv, UV_RUN_ONCE);
    return uv_timer_stop(&loop->timer);
}

static int waker(void *data, size_t token) {
    struct loop *loop = data;
    loop->async_token = token;
    return uv_async_init(&loop->uv, &loop->async, on_async);
}

static void wake(void *data) {
    struct loop *loop = data;
    uv_async_send(&loop->async);
}

const struct library iomux_bench_libuv = {create, destroy, add, modify, remove_, wait_, waker, wake};
