/* Telling the worker what this client holds no longer. Dealloc notes (bd_handle.c, bd_view.c), the next request carries.
 * Cost: four bytes per released object; a destroyed view costs one look at each of its known members.
 */
#include "bd_state.h"

#include <stdlib.h>

static int bd_release_append(
    bd_workspace *workspace, uint16_t operation, const bd_piece *pieces, int count) {
    if (!bd_connection_append(&workspace->connection, operation, 0, pieces, count)) {
        PyErr_NoMemory();
        return -1;
    }
    workspace->page->sent_requests = ++workspace->requests;
    if (workspace->debug) bd_debug_request(workspace, workspace->requests, operation, pieces, count);
    return 0;
}

bool bd_release_is_due(const bd_workspace *workspace) {
    if (workspace->batch) return false;
    return workspace->dying || workspace->released_nodes.count >= BD_RELEASES_PENDING_MAX ||
           workspace->released_edges.count >= BD_RELEASES_PENDING_MAX ||
           workspace->released_views.count >= BD_RELEASES_PENDING_MAX ||
           workspace->released_documents.count >= BD_RELEASES_PENDING_MAX;
}

/* An object that got a new proxy after its release was noted stays ours: the pin is as good as before. */
static void bd_release_take_back(bd_id_list *list, bd_counts *counts) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (bd_counts_of(counts, list->ids[i])) bd_counts_pin(counts, list->ids[i]);
        else list->ids[kept++] = list->ids[i];
    }
    list->count = kept;
}

static int bd_release_list(bd_workspace *workspace, uint16_t operation, uint32_t kind, bd_id_list *list) {
    while (list->count) {
        size_t count = list->count < BD_LIMIT_LIST_ITEMS_MAX ? list->count : BD_LIMIT_LIST_ITEMS_MAX;
        size_t first = list->count - count;
        uint32_t words[2] = {kind, (uint32_t)count};
        bd_piece pieces[2] = {{words, sizeof words}, {list->ids + first, count * 4}};
        if (bd_release_append(workspace, operation, pieces, 2) < 0) return -1;
        list->count = first;
        if (operation == BD_OP_RELEASE) workspace->releases += count;
    }
    if (list->capacity > 65536) {
        free(list->ids);
        memset(list, 0, sizeof *list);
    }
    return 0;
}

typedef struct bd_pinning {
    bd_writer *writer;
    bd_counts *counts;
    uint32_t count;
} bd_pinning;

static bool bd_release_pin(void *context, uint32_t id) {
    bd_pinning *pinning = context;
    bd_writer_u32(pinning->writer, id);
    if (pinning->writer->failed) return false;
    bd_counts_pin(pinning->counts, id);
    pinning->count++;
    return true;
}

static void bd_release_write_pins(bd_writer *writer, const bd_idset *members, bd_counts *counts) {
    size_t at = writer->size;
    bd_writer_u32(writer, 0);
    bd_pinning pinning = {writer, counts, 0};
    bd_idset_visit_counted(members, counts, bd_release_pin, &pinning);
    if (!writer->failed) bd_store_u32(writer->data + at, pinning.count);
}

/* Payload of GraphView.destroy: the view, and which of its members the worker is to pin for this client. */
static void bd_release_write_destroy(bd_view *view, bd_writer *writer) {
    bd_writer_u32(writer, view->index);
    bd_release_write_pins(writer, &view->nodes, &view->workspace->node_counts);
    bd_release_write_pins(writer, &view->edges, &view->workspace->edge_counts);
}

/* Appends what the writer holds, and frees it. */
static int bd_release_append_written(bd_workspace *workspace, uint16_t operation, bd_writer *writer) {
    bd_piece piece = {writer->data, writer->size};
    int result = -1;
    if (writer->failed) PyErr_NoMemory();
    else result = bd_release_append(workspace, operation, &piece, 1);
    bd_writer_free(writer);
    return result;
}

static int bd_release_pin_members(
    bd_workspace *workspace, uint32_t kind, const bd_idset *members, bd_counts *counts) {
    bd_writer writer;
    bd_writer_init(&writer);
    bd_writer_u32(&writer, kind);
    bd_release_write_pins(&writer, members, counts);
    return bd_release_append_written(workspace, BD_OP_PIN, &writer);
}

/* The view goes with its last handle. In a shared workspace another client may hold it: then only our hold ends, unless
 * the user destroyed the view. */
static int bd_release_view(bd_view *view) {
    bd_workspace *workspace = view->workspace;
    if (workspace->is_private || view->is_destroyed) {
        bd_writer writer;
        bd_writer_init(&writer);
        bd_release_write_destroy(view, &writer);
        return bd_release_append_written(workspace, BD_OP_GRAPH_VIEW_DESTROY, &writer);
    }
    if (bd_release_pin_members(workspace, BD_KIND_NODE, &view->nodes, &workspace->node_counts) < 0 ||
        bd_release_pin_members(workspace, BD_KIND_EDGE, &view->edges, &workspace->edge_counts) < 0)
        return -1;
    uint32_t words[3] = {BD_KIND_VIEW, 1, view->index};
    bd_piece piece = {words, sizeof words};
    return bd_release_append(workspace, BD_OP_RELEASE, &piece, 1);
}

static int bd_release_dying(bd_workspace *workspace) {
    while (workspace->dying) {
        bd_view *view = workspace->dying;
        if (bd_release_view(view) < 0) return -1;
        workspace->dying = view->next_dying;
        bd_view_free(view);
        workspace->releases++;
    }
    return 0;
}

/* Pins first: a node that only a released edge held must not go with it. Releases before views: what a destroyed view pins must not be let go of behind it. */
int bd_release_flush(bd_workspace *workspace) {
    if (workspace->batch) return 0;
    bd_release_take_back(&workspace->released_nodes, &workspace->node_counts);
    bd_release_take_back(&workspace->released_edges, &workspace->edge_counts);
    if (bd_release_list(workspace, BD_OP_PIN, BD_KIND_NODE, &workspace->kept_nodes) < 0 ||
        bd_release_list(workspace, BD_OP_RELEASE, BD_KIND_VIEW, &workspace->released_views) < 0 ||
        bd_release_list(workspace, BD_OP_RELEASE, BD_KIND_NODE, &workspace->released_nodes) < 0 ||
        bd_release_list(workspace, BD_OP_RELEASE, BD_KIND_EDGE, &workspace->released_edges) < 0 ||
        bd_release_list(workspace, BD_OP_RELEASE, BD_KIND_DOCUMENT, &workspace->released_documents) < 0 ||
        bd_release_dying(workspace) < 0)
        return -1;
    bd_workspace_update_quick(workspace);
    return 0;
}
