#include "shim.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

struct loop {
    struct shim shim;
    struct event_base *base;
    struct event *timer;
};

struct watcher {
    struct event event;
    struct loop *loop;
    size_t token;
};

static short events_of(int write) { return EV_PERSIST | EV_READ | (write ? EV_WRITE : 0); }

static void on_event(evutil_socket_t fd, short events, void *data) {
    struct watcher *watcher = data;
    (void)fd, (void)events;
    shim_found(&watcher->loop->shim, watcher->token);
}

static void on_timer(evutil_socket_t fd, short events, void *data) { (void)fd, (void)events, (void)data; }

/* 0 is epoll, 1 epoll with its changelist, 2 poll. */
static void *create(int variant) {
    struct event_config *config = event_config_new();
    struct loop *loop = calloc(1, sizeof *loop);
    if (!config || !loop)
        abort();
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    if (variant == 1)
        event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_avoid_method(config, "select");
    event_config_avoid_method(config, variant == 2 ? "epoll" : "poll");
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!loop->base || !strstr(event_base_get_method(loop->base), variant == 2 ? "poll" : "epoll")) {
        free(loop);
        return NULL;
    }
    loop->timer = evtimer_new(loop->base, on_timer, loop);
    return loop;
}

static void destroy(void *data) {
    struct loop *loop = data;
    for (size_t token = 0; token < loop->shim.tokens; token++) {
        struct watcher *watcher = loop->shim.watchers[token];
        if (watcher)
            event_del(&watcher->event);
        free(watcher);
    }
    event_free(loop->timer);
    event_base_free(loop->base);
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
    watcher->loop = loop;
    if (event_assign(&watcher->event, loop->base, fd, events_of(write), on_event, watcher) != 0)
        return -1;
    return event_add(&watcher->event, NULL);
}

static int modify(void *data, size_t token, int write) {
    struct loop *loop = data;
    struct watcher *watcher = loop->shim.watchers[token];
    evutil_socket_t fd = event_get_fd(&watcher->event);
    if (event_del(&watcher->event) != 0)
        return -1;
    if (event_assign(&watcher->event, loop->base, fd, events_of(write), on_event, watcher) != 0)
        return -1;
    return event_add(&watcher->event, NULL);
}

static int remove_(void *data, size_t token) {
    struct loop *loop = data;
    struct watcher *watcher = loop->shim.watchers[token];
    return event_del(&watcher->event);
}

static int wait_(void *data, int64_t ns, found *found, void *context) {
    struct loop *loop = data;
    shim_begin(&loop->shim, found, context);
    if (ns > 0) {
        struct timeval time = {ns / 1000000000, (ns % 1000000000 + 999) / 1000};
        evtimer_add(loop->timer, &time);
    }
    /* Without ONCE it loops as long as anything is ready. */
    int status = event_base_loop(loop->base, EVLOOP_ONCE | (ns == 0 ? EVLOOP_NONBLOCK : 0));
    if (ns > 0)
        evtimer_del(loop->timer);
    return status < 0 ? -1 : 0;
}

const struct library iomux_bench_libevent = {create, destroy, add, modify, remove_, wait_, NULL, NULL};
