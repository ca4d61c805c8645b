/* What this client knows of a view: index, self node, known members, whether it was destroyed. Shared by all handles of
 * the view. When the last handle goes, the view is put on its workspace's list of dying ones (no allocation, no I/O); the
 * next request destroys it in the worker, pinning what Python still holds of it. A dying view no longer counts on its
 * workspace, which owns it then. In a shared workspace the view is let go of instead, after the same pinning: the worker
 * frees it when no other client holds it.
 */
#include "bd_state.h"

#include <stdlib.h>

bd_view *bd_view_new(bd_workspace *workspace, uint32_t index, uint32_t self_node) {
    bd_view *view = calloc(1, sizeof *view);
    if (!view) {
        PyErr_NoMemory();
        return NULL;
    }
    view->references = 1;
    view->workspace = workspace;
    view->index = index;
    view->self_node = self_node;
    view->created = view->written = workspace->requests;
    view->next_view = workspace->known_views;
    if (workspace->known_views) workspace->known_views->previous_view = view;
    workspace->known_views = view;
    bd_workspace_retain(workspace);
    bd_idset_add(&view->nodes, self_node);
    return view;
}

PyObject *bd_view_object_of(bd_workspace *workspace, uint32_t index, uint32_t self_node) {
    bd_workspace_saw_node(workspace, self_node);
    bd_floor_saw(&workspace->state->view_floor, workspace->views.end, index, BD_VIEW_FLOOR_MAX);
    bd_view *view = workspace->known_views;
    while (view && (view->index != index || !view->references || view->is_destroyed)) view = view->next_view;
    if (view) bd_view_retain(view);
    else view = bd_view_new(workspace, index, self_node);
    if (!view) return NULL;
    view->has_strangers = true;
    PyObject *object = bd_view_object_new(view);
    bd_view_release(view);
    return object;
}

void bd_view_free(bd_view *view) {
    if (view->previous_view) view->previous_view->next_view = view->next_view;
    else view->workspace->known_views = view->next_view;
    if (view->next_view) view->next_view->previous_view = view->previous_view;
    bd_idset_free(&view->nodes);
    bd_idset_free(&view->edges);
    free(view->destroyed_at);
    free(view);
}

void bd_view_release(bd_view *view) {
    if (--view->references) return;
    bd_workspace *workspace = view->workspace;
    if (workspace->recent == view) workspace->recent = NULL;
    if (workspace->life == BD_ALIVE && !view->is_destroyed) {
        view->next_dying = workspace->dying;
        workspace->dying = view;
        workspace->quick = false;
    } else {
        bd_view_free(view);
    }
    bd_workspace_release(workspace);
}

int bd_view_fail(bd_view *view) {
    if (bd_workspace_check(view->workspace) < 0) return -1;
    if (!view->is_destroyed) return 0;
    if (view->is_given_up) {
        bd_error_set(
            "StaleHandleError", "GraphView(id=0x%x) was made in a batch that was given up%s: it never came to be", view->self_node,
            bd_workspace_or_lost(view->workspace));
        return -1;
    }
    char made_at[300];
    bool is_known = view->listed && bd_ledger_place(view->workspace->ledger, view->listed, made_at, sizeof made_at);
    bd_error_set(
        "StaleHandleError", "GraphView(id=0x%x)%s%s was destroyed at %s", view->self_node, is_known ? ", made at " : "",
        is_known ? made_at : "", view->destroyed_at ? view->destroyed_at : "an unknown place");
    return -1;
}
