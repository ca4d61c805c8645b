/* See bd_foretell.h. Order within a call: write its payload (which may run anything), then prove (which may wait for own
 * writes), then look that nothing was sent meanwhile, then append.
 */
#include "bd_foretell.h"

#include <stdlib.h>

#include "bd_batch.h"
#include "bd_handle.h"
#include "bd_invoke.h"

#define BD_COMPOSITION 130u
#define BD_TYPE_EDGE 0u

enum { BD_MAKE_CHILD, BD_TYPE_REFERENCE, BD_MAKE_LINK, BD_REFERENCE, BD_IS_CONSTRUCTABLE };
static const char *const bd_builtin_names[] = {
    "MakeChild", "TypeReference", "MakeLink", "Reference", "is_constructable"};

/* What a method needs to be true, and how many nodes and edges the worker makes for it. */
typedef struct bd_foreseen {
    uint32_t counts[2];
    bool is_node; /* the result: the first node that is made; else None */
    bool is_plan;
    uint32_t changed; /* a type that gets an edge; 0: none */
    uint32_t type;    /* that is instantiated */
    bd_view *view;    /* in which things are made */
} bd_foreseen;

static bd_foretelling *bd_foretelling_of(bd_workspace *workspace) {
    bd_local *local = workspace->local;
    bool may = local && workspace->life == BD_ALIVE && workspace->is_private && !workspace->sync && !workspace->batch &&
               !workspace->guarded && !workspace->ids_unsettled && !workspace->is_recovering;
    if (may && !local->foretelling) local->foretelling = calloc(1, sizeof *local->foretelling);
    return may ? local->foretelling : NULL;
}

void bd_foretell_free(bd_foretelling *foretelling) {
    if (foretelling) bd_idset_free(&foretelling->named);
    free(foretelling);
}

void bd_foretell_forget(bd_workspace *workspace) {
    bd_foretelling *foretelling = workspace->local ? workspace->local->foretelling : NULL;
    if (!foretelling) return;
    foretelling->epoch++;
    bd_idset_free(&foretelling->named);
    memset(&foretelling->named, 0, sizeof foretelling->named);
    memset(foretelling->type_graphs, 0, sizeof foretelling->type_graphs);
}

static void bd_foretell_change(bd_local *local, uint32_t node) {
    if (bd_arena_node_is_watched(&local->arena, node)) local->foretelling->epoch++;
}

void bd_foretell_edge(bd_workspace *workspace, const bd_edge_info *info) {
    if ((info->bits & BD_EDGE_TYPE_MASK) == BD_TYPE_EDGE) return;
    bd_foretell_change(workspace->local, info->source);
    if (!(info->bits & BD_EDGE_DIRECTIONAL)) bd_foretell_change(workspace->local, info->target);
}

/* -- proofs: BD_ANSWERED with *is_so, BD_ASK when it cannot be known here ------------------------------------------------ */

static bd_answer bd_foretell_child(bd_view *view, uint32_t node, const char *name, size_t bytes, uint32_t *child) {
    bd_edge_info info;
    bool found = false;
    bd_answer answer = bd_local_first(view, node, BD_COMPOSITION, BD_DIRECTION_OUT, name, bytes, &info, &found);
    if (answer == BD_ANSWERED && !found) return BD_ASK;
    if (answer == BD_ANSWERED) *child = info.target;
    return answer;
}

/* The typegraph has these types. */
static bd_answer bd_foretell_builtins(bd_foretelling *known, bd_view *view, uint32_t self_node, uint32_t wanted) {
    bd_known_type_graph *type_graph = &known->type_graphs[(self_node ^ view->index) & (BD_FORETOLD_TYPE_GRAPHS - 1)];
    if (type_graph->view_index != view->index || type_graph->self_node != self_node)
        *type_graph = (bd_known_type_graph){view->index, self_node, 0};
    uint32_t missing = wanted & ~type_graph->builtins, found = 0;
    for (uint32_t i = 0; missing >> i; i++) {
        uint32_t ignored;
        if (!(missing >> i & 1)) continue;
        const char *name = bd_builtin_names[i];
        bd_answer answer = bd_foretell_child(view, self_node, name, strlen(name), &ignored);
        if (answer != BD_ANSWERED) return answer;
        found |= 1u << i;
    }
    if (bd_foretelling_of(view->workspace) != known) return BD_ASK; /* a wait lets others run: it may be gone */
    type_graph->builtins |= found;
    return BD_ANSWERED;
}

static bd_answer bd_foretell_is_named(bd_foretelling *known, bd_workspace *workspace, uint32_t node) {
    if (bd_idset_has(&known->named, node)) return BD_ANSWERED;
    PyObject *name = NULL;
    bd_answer answer = bd_local_node_attribute(workspace, node, "type_identifier", 15, &name);
    if (answer == BD_ANSWERED && !PyUnicode_Check(name)) answer = BD_ASK;
    if (answer == BD_ANSWERED && bd_foretelling_of(workspace) != known) answer = BD_ASK;
    if (answer == BD_ANSWERED) bd_idset_add(&known->named, node);
    Py_XDECREF(name);
    return answer;
}

static bd_answer bd_foretell_members(bd_view *view, PyObject *const *values, int first, int count) {
    for (int i = first; i < first + count; i++) {
        const bd_bound_node_object *bound = (bd_bound_node_object *)values[i];
        if (!bd_view_has_node(view, bound->node) || bound->view->is_destroyed) return BD_ASK;
    }
    return BD_ANSWERED;
}

static bd_plan *bd_foretell_plan(bd_foretelling *known, const bd_view *view, uint32_t self_node, uint32_t type) {
    uint32_t hash = (type * 2654435761u ^ self_node * 40503u ^ view->index) >> 7;
    return &known->plans[hash & (BD_FORETOLD_PLANS - 1)];
}

static bool bd_foretell_is_plan_of(const bd_plan *plan, const bd_view *view, uint32_t self_node, uint32_t type) {
    return plan->type == type && plan->self_node == self_node && plan->view_index == view->index;
}

static bool bd_foretell_is_fresh(const bd_foretelling *known, const bd_plan *plan, bd_local *local) {
    return plan->epoch == known->epoch && plan->dropped == bd_arena_plans_dropped(&local->arena);
}

static bd_answer bd_foretell_instance(
    bd_foretelling *known, bd_workspace *workspace, uint32_t self_node, bd_foreseen *foreseen) {
    const bd_plan *plan = bd_foretell_plan(known, foreseen->view, self_node, foreseen->type);
    foreseen->is_plan = true;
    if (!workspace->local || !bd_foretell_is_plan_of(plan, foreseen->view, self_node, foreseen->type) || !plan->is_sure ||
        !bd_foretell_is_fresh(known, plan, workspace->local))
        return BD_ASK;
    foreseen->counts[0] = plan->counts[0];
    foreseen->counts[1] = plan->counts[1];
    return BD_ANSWERED;
}

static bd_answer bd_foretell_prove(
    int method, bd_foretelling *known, PyObject *self, PyObject *const *values, uint32_t path_items,
    bd_foreseen *foreseen) {
    bd_view *view = ((bd_bound_node_object *)self)->view;
    const bd_bound_node_object *type = (bd_bound_node_object *)values[0]; /* of most methods */
    bd_workspace *workspace = view->workspace;
    uint32_t self_node = ((bd_bound_node_object *)self)->node, builtins = 0;
    bd_answer answer = BD_ANSWERED;
    foreseen->view = view;
    foreseen->is_node = true;
    switch (method) {
        case BD_METHOD_TYPE_GRAPH_ADD_MAKE_CHILD: /* MakeChild, reference; type edges, type_ref, pointer, child, resolved */
            foreseen->counts[0] = 2;
            foreseen->counts[1] = 6;
            foreseen->changed = type->node;
            builtins = 1u << BD_MAKE_CHILD | 1u << BD_TYPE_REFERENCE;
            answer = bd_foretell_members(view, values, 0, 2);
            type = (bd_bound_node_object *)values[1];
            if (type->view != view) return BD_ASK;
            if (answer == BD_ANSWERED) answer = bd_foretell_is_named(known, workspace, type->node);
            break;
        case BD_METHOD_TYPE_GRAPH_ADD_MAKE_LINK: /* MakeLink; type edge, lhs, rhs, child */
            foreseen->counts[0] = 1;
            foreseen->counts[1] = 4;
            foreseen->changed = type->node;
            builtins = 1u << BD_MAKE_LINK;
            answer = bd_foretell_members(view, values, 0, 3);
            break;
        case BD_METHOD_TYPE_GRAPH_ENSURE_CHILD_REFERENCE: /* for each item a node and its type edge; edges between them */
            if (!path_items) return BD_ASK;
            foreseen->counts[0] = path_items;
            foreseen->counts[1] = 2 * path_items - 1;
            builtins = 1u << BD_REFERENCE;
            if (type->view->is_destroyed) return BD_ASK;
            break;
        case BD_METHOD_TYPE_GRAPH_MARK_CONSTRUCTABLE: /* the trait's instance; type edge, trait edge */
            foreseen->counts[0] = 1;
            foreseen->counts[1] = 2;
            foreseen->changed = type->node;
            foreseen->is_node = false;
            builtins = 1u << BD_IS_CONSTRUCTABLE;
            if (type->view != view) return BD_ASK;
            answer = bd_foretell_members(view, values, 0, 1);
            break;
        case BD_METHOD_TYPE_GRAPH_INSTANTIATE_NODE:
            foreseen->type = type->node;
            foreseen->view = type->view;
            if (type->view->is_destroyed) return BD_ASK;
            return bd_foretell_instance(known, workspace, self_node, foreseen);
        default: {
            size_t length;
            const char *name = bd_value_str(values[0], &length, "Expected a string");
            if (!name) return BD_FAILED;
            answer = bd_foretell_child(view, self_node, name, length, &foreseen->type);
            if (answer == BD_ANSWERED && bd_foretelling_of(workspace) != known) answer = BD_ASK;
            return answer == BD_ANSWERED ? bd_foretell_instance(known, workspace, self_node, foreseen) : answer;
        }
    }
    return answer == BD_ANSWERED ? bd_foretell_builtins(known, view, self_node, builtins) : answer;
}

/* -- making the call ---------------------------------------------------------------------------------------------------- */

/* What an instance that was waited for tells. */
static void bd_foretell_learn(bd_workspace *workspace, uint32_t self_node, const bd_foreseen *foreseen, uint64_t dropped) {
    bd_foretelling *known = bd_foretelling_of(workspace);
    if (!known || foreseen->view->is_destroyed || !foreseen->type) return;
    bd_plan *plan = bd_foretell_plan(known, foreseen->view, self_node, foreseen->type);
    const uint32_t *made = workspace->made;
    bool is_same = bd_foretell_is_plan_of(plan, foreseen->view, self_node, foreseen->type) &&
                   bd_foretell_is_fresh(known, plan, workspace->local) && plan->counts[0] == made[0] &&
                   plan->counts[1] == made[1];
    bool is_still = bd_arena_plans_dropped(&workspace->local->arena) == dropped;
    *plan = (bd_plan){
        foreseen->view->index, self_node, foreseen->type, {made[0], made[1]}, is_same && is_still,
        bd_arena_plans_dropped(&workspace->local->arena), known->epoch};
    known->has_plans = true;
}

static PyObject *bd_foretell_call(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords, bd_foreseen *foreseen) {
    bd_workspace *workspace = ((bd_bound_node_object *)self)->view->workspace;
    bd_view *view = foreseen->view;
    if (!foreseen->is_plan || !workspace->local || !foreseen->type) return bd_invoke(method, self, args, count, keywords);
    uint64_t trips = workspace->round_trips, dropped = bd_arena_plans_dropped(&workspace->local->arena);
    bd_view_retain(view);
    PyObject *made = bd_invoke(method, self, args, count, keywords);
    if (made && workspace->round_trips == trips + 1) /* nobody else's answer was in between */
        bd_foretell_learn(workspace, ((bd_bound_node_object *)self)->node, foreseen, dropped);
    bd_view_release(view);
    return made;
}

/* 1 when the request is on its way, 0 when it must be a call, -1 with an exception. */
static int bd_foretell_send(
    bd_workspace *workspace, bd_foretelling *known, int method, const bd_writer *writer, const bd_foreseen *foreseen,
    uint32_t *first) {
    bd_local *local = workspace->local;
    uint64_t objects = (uint64_t)foreseen->counts[0] + foreseen->counts[1];
    if (bd_arena_applied(&local->arena, local->slot) >= known->newest) known->objects = 0;
    if (known->objects + objects > BD_FORETOLD_OBJECTS_MAX || !bd_workspace_has_room(workspace)) return 0;
    bd_piece piece = {writer->data, writer->size};
    int sent = bd_request_foretold(workspace, bd_methods[method].operation, &piece, foreseen->counts, first);
    if (sent <= 0) return sent;
    known->newest = workspace->requests;
    known->objects += objects;
    if (foreseen->changed && known->has_plans) bd_foretell_change(local, foreseen->changed);
    bd_view *view = foreseen->view;
    bd_local_note_view(view);
    view->unseen = workspace->requests;
    view->has_strangers = true;
    return 1;
}

PyObject *bd_foretell(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX] = {NULL};
    bd_foreseen foreseen = {0};
    bd_writer writer;
    uint32_t first = 0, path_items = 0;
    bd_workspace *workspace = ((bd_bound_node_object *)self)->view->workspace;
    bd_foretelling *known = bd_foretelling_of(workspace);
    if (!known) return bd_invoke(method, self, args, count, keywords);
    bd_writer_init(&writer);
    int sent = bd_invoke_write(method, self, args, count, keywords, values, &writer);
    if (sent == 0 && method == BD_METHOD_TYPE_GRAPH_ENSURE_CHILD_REFERENCE)
        path_items = bd_load_u32(writer.data + 16); /* behind two handles in views */
    uint64_t requests = workspace->requests;
    if (sent == 0 && (known = bd_foretelling_of(workspace)) && bd_view_check(((bd_bound_node_object *)self)->view) == 0) {
        bd_answer answer = bd_foretell_prove(method, known, self, values, path_items, &foreseen);
        bool is_still = workspace->requests == requests && bd_foretelling_of(workspace) == known; /* waiting lets others run */
        if (answer == BD_FAILED) sent = -1;
        else if (answer == BD_ANSWERED && is_still)
            sent = bd_foretell_send(workspace, known, method, &writer, &foreseen, &first);
    }
    bd_writer_free(&writer);
    if (sent < 0 || PyErr_Occurred()) return NULL;
    if (sent == 0) return bd_foretell_call(method, self, args, count, keywords, &foreseen);
    if (!foreseen.is_node) Py_RETURN_NONE;
    bd_local_note(workspace, BD_KIND_NODE, first);
    bd_idset_add(&foreseen.view->nodes, first);
    return bd_bound_node_new(foreseen.view, first);
}
