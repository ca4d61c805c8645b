/* The handle types: making, freeing, comparing, showing. All of it local: no message, no wait, nothing that can raise
 * but lack of memory, also when the daemon is dead, the view destroyed or the process forked.
 * Cost: one small allocation and two counters per handle.
 */
#include "bd_handle.h"
#include "bd_local.h"
#include "bd_recipe.h"

#include <stdio.h>
#include <string.h>

PyObject *bd_handle_no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)type, (void)args, (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "Don't call __init__ on this type");
    return NULL;
}

PyObject *bd_handle_no_pickle(PyObject *self, PyObject *ignored) {
    (void)ignored;
    PyObject *name = PyType_GetName(Py_TYPE(self));
    Py_UCS4 first = name && PyUnicode_GetLength(name) > 0 ? PyUnicode_ReadChar(name, 0) : 0;
    if (name)
        PyErr_Format(
            PyExc_TypeError, "%s %U refers to an object in the daemon: it cannot be copied or pickled",
            first == 'A' || first == 'E' || first == 'I' || first == 'O' ? "an" : "a", name);
    Py_XDECREF(name);
    return NULL;
}

/* -- making ----------------------------------------------------------------------------------------------------------- */

static inline void bd_handle_count(bd_workspace *workspace, uint32_t kind) {
    workspace->page->live[kind]++;
    workspace->page->created[kind]++;
}

uint32_t bd_handle_record(bd_workspace *workspace, uint32_t kind, uint32_t index, uint32_t place) {
    bd_ledger *ledger = workspace->ledger;
    if (!ledger) return 0;
    workspace->unseen = bd_ledger_next(ledger);
    return bd_ledger_add(
        ledger, bd_debug_id(kind, workspace->generation, index), place, NULL, bd_ledger_weight(ledger),
        &workspace->state->asked);
}

/* The memory of an ended handle of that kind, an object again; NULL without an exception when there is none. */
static inline void *bd_handle_take_memory(bd_state *state, uint32_t kind) {
    void *memory = state->spare[kind];
    if (!memory) return NULL;
    memcpy(&state->spare[kind], memory, sizeof(void *));
    state->spare_count[kind]--;
    return PyObject_Init(memory, state->types[kind]);
}

PyObject *bd_node_new(bd_workspace *workspace, uint32_t node) {
    if (!bd_counts_add(&workspace->node_counts, node)) return PyErr_NoMemory();
    bd_node_object *self = bd_handle_take_memory(workspace->state, BD_KIND_NODE);
    if (!self) self = PyObject_New(bd_node_object, workspace->state->types[BD_KIND_NODE]);
    if (!self) {
        bd_counts_remove(&workspace->node_counts, node);
        return NULL;
    }
    bd_workspace_retain(workspace);
    self->workspace = workspace;
    self->node = node;
    self->record = bd_handle_note(workspace, BD_KIND_NODE, node, 0);
    bd_handle_count(workspace, BD_KIND_NODE);
    return (PyObject *)self;
}

PyObject *bd_edge_new(bd_workspace *workspace, const bd_edge_info *info) {
    if (!bd_counts_add(&workspace->edge_counts, info->edge)) return PyErr_NoMemory();
    bd_edge_object *self = bd_handle_take_memory(workspace->state, BD_KIND_EDGE);
    if (!self) self = PyObject_New(bd_edge_object, workspace->state->types[BD_KIND_EDGE]);
    if (!self) {
        bd_counts_remove(&workspace->edge_counts, info->edge);
        return NULL;
    }
    bd_workspace_retain(workspace);
    self->workspace = workspace;
    self->info = *info;
    self->record = bd_handle_note(workspace, BD_KIND_EDGE, info->edge, 0);
    bd_handle_count(workspace, BD_KIND_EDGE);
    return (PyObject *)self;
}

PyObject *bd_bound_node_new(bd_view *view, uint32_t node) {
    bd_workspace *workspace = view->workspace;
    if (!bd_counts_add(&workspace->node_counts, node)) return PyErr_NoMemory();
    bd_bound_node_object *self = bd_handle_take_memory(workspace->state, BD_KIND_BOUND_NODE);
    if (!self) self = PyObject_New(bd_bound_node_object, workspace->state->types[BD_KIND_BOUND_NODE]);
    if (!self) {
        bd_counts_remove(&workspace->node_counts, node);
        return NULL;
    }
    bd_view_retain(view);
    self->view = view;
    self->node = node;
    self->record = bd_handle_note(workspace, BD_KIND_BOUND_NODE, node, view->index);
    bd_handle_count(workspace, BD_KIND_BOUND_NODE);
    return (PyObject *)self;
}

PyObject *bd_bound_edge_new(bd_view *view, const bd_edge_info *info) {
    bd_workspace *workspace = view->workspace;
    if (!bd_counts_add(&workspace->edge_counts, info->edge)) return PyErr_NoMemory();
    bd_bound_edge_object *self = bd_handle_take_memory(workspace->state, BD_KIND_BOUND_EDGE);
    if (!self) self = PyObject_New(bd_bound_edge_object, workspace->state->types[BD_KIND_BOUND_EDGE]);
    if (!self) {
        bd_counts_remove(&workspace->edge_counts, info->edge);
        return NULL;
    }
    bd_view_retain(view);
    self->view = view;
    self->info = *info;
    self->record = bd_handle_note(workspace, BD_KIND_BOUND_EDGE, info->edge, view->index);
    bd_handle_count(workspace, BD_KIND_BOUND_EDGE);
    return (PyObject *)self;
}

PyObject *bd_view_object_new(bd_view *view) {
    bd_view_object *self = bd_handle_take_memory(view->workspace->state, BD_KIND_VIEW);
    if (!self) self = PyObject_New(bd_view_object, view->workspace->state->types[BD_KIND_VIEW]);
    if (!self) return NULL;
    bd_view_retain(view);
    self->view = view;
    self->record = bd_handle_note_rare(view->workspace, BD_KIND_VIEW, view->index, 0, NULL);
    if (!view->listed && self->record) view->listed = bd_ledger_find(view->workspace->ledger, self->record);
    bd_handle_count(view->workspace, BD_KIND_VIEW);
    return (PyObject *)self;
}

void bd_read_edge_info(bd_reader *reader, bd_edge_info *info) {
    info->edge = bd_reader_u32(reader);
    info->source = bd_reader_u32(reader);
    info->target = bd_reader_u32(reader);
    info->bits = bd_reader_u32(reader);
}

/* -- freeing: notes only ------------------------------------------------------------------------------------------------ */

/* The memory is kept for the next one: a visit makes and ends a handle for each edge. */
static inline void bd_handle_free(PyObject *self, bd_state *state, uint32_t kind) {
    PyTypeObject *type = Py_TYPE(self);
    if (state->spare_count[kind] < BD_SPARE_MAX) {
        memcpy(self, &state->spare[kind], sizeof(void *));
        state->spare[kind] = self;
        state->spare_count[kind]++;
    } else {
        PyObject_Free(self);
    }
    Py_DECREF(type); /* perhaps the last hold on the module, and on its state */
}

void bd_handle_free_spares(bd_state *state) {
    for (uint32_t kind = 0; kind < BD_SPARE_KINDS; kind++) {
        while (state->spare[kind]) {
            void *memory = state->spare[kind];
            memcpy(&state->spare[kind], memory, sizeof(void *));
            PyObject_Free(memory);
        }
        state->spare_count[kind] = 0;
    }
}

void bd_handle_drop_node(bd_workspace *workspace, uint32_t node) {
    if (bd_counts_remove(&workspace->node_counts, node)) bd_id_list_add(workspace, &workspace->released_nodes, node);
}

/* A node that perhaps only this edge holds in the worker must outlive it while Python has a proxy of it. */
static void bd_handle_keep_end(bd_workspace *workspace, uint32_t node) {
    /* A member of a living view stays, and its destruction pins what Python has by then. */
    if (workspace->recent && workspace->is_private && bd_idset_has(&workspace->recent->nodes, node)) return;
    if (bd_counts_need_pin(&workspace->node_counts, node)) bd_id_list_add(workspace, &workspace->kept_nodes, node);
}

void bd_handle_drop_edge(bd_workspace *workspace, const bd_edge_info *info) {
    if (!bd_counts_remove(&workspace->edge_counts, info->edge)) return;
    bd_handle_keep_end(workspace, info->source);
    bd_handle_keep_end(workspace, info->target);
    bd_id_list_add(workspace, &workspace->released_edges, info->edge);
}

static void bd_node_dealloc(PyObject *self) {
    bd_node_object *node = (bd_node_object *)self;
    bd_workspace *workspace = node->workspace;
    bd_handle_drop_node(workspace, node->node);
    bd_handle_forget(workspace, node->record);
    workspace->page->live[BD_KIND_NODE]--;
    bd_state *state = workspace->state;
    bd_workspace_release(workspace);
    bd_handle_free(self, state, BD_KIND_NODE);
}

static void bd_edge_dealloc(PyObject *self) {
    bd_edge_object *edge = (bd_edge_object *)self;
    bd_workspace *workspace = edge->workspace;
    bd_handle_drop_edge(workspace, &edge->info);
    bd_handle_forget(workspace, edge->record);
    workspace->page->live[BD_KIND_EDGE]--;
    bd_state *state = workspace->state;
    bd_workspace_release(workspace);
    bd_handle_free(self, state, BD_KIND_EDGE);
}

static void bd_bound_node_dealloc(PyObject *self) {
    bd_bound_node_object *bound = (bd_bound_node_object *)self;
    bd_workspace *workspace = bound->view->workspace;
    bd_handle_drop_node(workspace, bound->node);
    bd_handle_forget(workspace, bound->record);
    workspace->page->live[BD_KIND_BOUND_NODE]--;
    bd_state *state = workspace->state;
    bd_view_release(bound->view);
    bd_handle_free(self, state, BD_KIND_BOUND_NODE);
}

static void bd_bound_edge_dealloc(PyObject *self) {
    bd_bound_edge_object *bound = (bd_bound_edge_object *)self;
    bd_workspace *workspace = bound->view->workspace;
    bd_handle_drop_edge(workspace, &bound->info);
    bd_handle_forget(workspace, bound->record);
    workspace->page->live[BD_KIND_BOUND_EDGE]--;
    bd_state *state = workspace->state;
    bd_view_release(bound->view);
    bd_handle_free(self, state, BD_KIND_BOUND_EDGE);
}

static void bd_view_object_dealloc(PyObject *self) {
    bd_view *view = ((bd_view_object *)self)->view;
    uint32_t record = ((bd_view_object *)self)->record;
    if (record && view->listed == bd_ledger_find(view->workspace->ledger, record)) view->listed = NULL;
    bd_handle_forget(view->workspace, record);
    view->workspace->page->live[BD_KIND_VIEW]--;
    bd_state *state = view->workspace->state;
    bd_view_release(view);
    bd_handle_free(self, state, BD_KIND_VIEW);
}

/* -- showing and comparing ------------------------------------------------------------------------------------------------ */

static PyObject *bd_node_repr(PyObject *self) {
    char text[64];
    snprintf(text, sizeof text, "NodeReference(uuid=0x%x)", ((bd_node_object *)self)->node);
    return PyUnicode_FromString(text);
}

static PyObject *bd_edge_repr(PyObject *self) {
    const bd_edge_info *info = &((bd_edge_object *)self)->info;
    char text[128];
    snprintf(
        text, sizeof text, "EdgeReference(id=0x%x, src=0x%x, tgt=0x%x, type=%u)", info->edge, info->source, info->target,
        info->bits & 0xff);
    return PyUnicode_FromString(text);
}

static PyObject *bd_bound_node_repr(PyObject *self) {
    bd_bound_node_object *bound = (bd_bound_node_object *)self;
    char text[96];
    snprintf(text, sizeof text, "BoundNode(node=0x%x, graph=0x%x)", bound->node, bound->view->self_node);
    return PyUnicode_FromString(text);
}

static PyObject *bd_bound_edge_repr(PyObject *self) {
    bd_bound_edge_object *bound = (bd_bound_edge_object *)self;
    char text[128];
    snprintf(
        text, sizeof text, "BoundEdge(src=0x%x, tgt=0x%x, graph=0x%x)", bound->info.source, bound->info.target,
        bound->view->self_node);
    return PyUnicode_FromString(text);
}

/* As the worker counts. False without an exception when that cannot be known; only Ctrl-C raises. */
static bool bd_view_ask_counts(bd_view *view, uint32_t *nodes, uint32_t *edges) {
    if (view->workspace->life != BD_ALIVE || view->is_destroyed) return false;
    bd_reply reply;
    bd_reader result;
    bd_piece piece = {&view->index, sizeof view->index};
    if (bd_request_call(
            view->workspace, BD_OP_GRAPH_VIEW_GET_COUNTS, "GraphView.get_counts", &piece, 1, &reply, &result) < 0) {
        if (PyErr_ExceptionMatches(PyExc_Exception)) PyErr_Clear();
        return false;
    }
    *nodes = (uint32_t)bd_reader_u64(&result);
    *edges = (uint32_t)bd_reader_u64(&result);
    bool is_read = !result.bad;
    bd_request_done(view->workspace, &reply);
    return is_read;
}

/* |V| and |E| as the arena has them when it is up to date, else the members that this client knows: what it inserted and
 * what replies told. Where the worker made more than that, it is asked. */
static PyObject *bd_view_repr(PyObject *self) {
    bd_view *view = ((bd_view_object *)self)->view;
    uint32_t nodes, edges;
    if (!bd_local_counts_now(view, &nodes, &edges) &&
        !(view->has_strangers && bd_view_ask_counts(view, &nodes, &edges))) {
        if (PyErr_Occurred()) return NULL;
        nodes = (uint32_t)view->nodes.members;
        edges = (uint32_t)view->edges.members;
    }
    char text[96];
    snprintf(text, sizeof text, "GraphView(id=0x%x, |V|=%u, |E|=%u)", view->self_node, nodes, edges);
    return PyUnicode_FromString(text);
}

static Py_hash_t bd_bound_node_hash(PyObject *self) { return ((bd_bound_node_object *)self)->node; }

/* Equal: the same node, whatever the view. Nodes of different workspaces differ even where their ids are equal. */
static PyObject *bd_bound_node_compare(PyObject *self, PyObject *other, int operation) {
    if (operation != Py_EQ && operation != Py_NE) Py_RETURN_NOTIMPLEMENTED;
    bool is_equal = false;
    bd_bound_node_object *left = (bd_bound_node_object *)self;
    if (Py_TYPE(other) == left->view->workspace->state->types[BD_KIND_BOUND_NODE]) {
        bd_bound_node_object *right = (bd_bound_node_object *)other;
        is_equal = left->node == right->node && left->view->workspace == right->view->workspace;
    }
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

PyObject *bd_handle_address(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_handle_parts parts;
    if (!bd_handle_take(self, &parts)) return PyLong_FromLong(0);
    return PyLong_FromUnsignedLongLong(bd_debug_id(parts.kind, parts.workspace->generation, parts.index));
}

/* -- types --------------------------------------------------------------------------------------------------------------- */

typedef struct bd_handle_slots {
    uint32_t slot;
    size_t size;
    destructor dealloc;
    reprfunc repr;
    hashfunc hash;
    richcmpfunc compare;
} bd_handle_slots;

static const bd_handle_slots bd_slots[] = {
    {BD_KIND_NODE, sizeof(bd_node_object), bd_node_dealloc, bd_node_repr, NULL, NULL},
    {BD_KIND_EDGE, sizeof(bd_edge_object), bd_edge_dealloc, bd_edge_repr, NULL, NULL},
    {BD_KIND_VIEW, sizeof(bd_view_object), bd_view_object_dealloc, bd_view_repr, NULL, NULL},
    {BD_KIND_BOUND_NODE, sizeof(bd_bound_node_object), bd_bound_node_dealloc, bd_bound_node_repr, bd_bound_node_hash,
     bd_bound_node_compare},
    {BD_KIND_BOUND_EDGE, sizeof(bd_bound_edge_object), bd_bound_edge_dealloc, bd_bound_edge_repr, NULL, NULL},
    {BD_KIND_PATH, sizeof(bd_path_object), bd_path_dealloc, bd_path_repr, NULL, NULL},
    {BD_KIND_TYPE_GRAPH, sizeof(bd_bound_node_object), bd_type_graph_dealloc, bd_type_graph_repr, NULL, NULL},
    {BD_TYPE_EDGE_RECIPE, sizeof(bd_recipe_object), bd_recipe_dealloc, bd_recipe_repr, NULL, NULL},
    {BD_TYPE_NODE_RECIPE, sizeof(bd_recipe_object), bd_recipe_dealloc, bd_recipe_repr, NULL, NULL},
    {0, sizeof(PyObject), NULL, NULL, NULL, NULL}, /* a place of static methods: no instances */
};

bool bd_handle_take(PyObject *object, bd_handle_parts *parts) {
    destructor dealloc = (destructor)PyType_GetSlot(Py_TYPE(object), Py_tp_dealloc);
    parts->view = NULL;
    if (dealloc == bd_node_dealloc) {
        bd_node_object *node = (bd_node_object *)object;
        *parts = (bd_handle_parts){BD_KIND_NODE, node->node, node->workspace, NULL};
    } else if (dealloc == bd_edge_dealloc) {
        bd_edge_object *edge = (bd_edge_object *)object;
        *parts = (bd_handle_parts){BD_KIND_EDGE, edge->info.edge, edge->workspace, NULL};
    } else if (dealloc == bd_view_object_dealloc) {
        bd_view *view = ((bd_view_object *)object)->view;
        *parts = (bd_handle_parts){BD_KIND_VIEW, view->index, view->workspace, view};
    } else if (dealloc == bd_bound_node_dealloc) {
        bd_bound_node_object *bound = (bd_bound_node_object *)object;
        *parts = (bd_handle_parts){BD_KIND_BOUND_NODE, bound->node, bound->view->workspace, bound->view};
    } else if (dealloc == bd_bound_edge_dealloc) {
        bd_bound_edge_object *bound = (bd_bound_edge_object *)object;
        *parts = (bd_handle_parts){BD_KIND_BOUND_EDGE, bound->info.edge, bound->view->workspace, bound->view};
    } else if (dealloc == bd_type_graph_dealloc) {
        bd_bound_node_object *type_graph = (bd_bound_node_object *)object;
        *parts = (bd_handle_parts){
            BD_KIND_TYPE_GRAPH, type_graph->node, type_graph->view->workspace, type_graph->view};
    } else if (dealloc == bd_path_dealloc) { /* the worker knows no paths: the end stands for it */
        bd_path_object *path = (bd_path_object *)object;
        *parts = (bd_handle_parts){BD_KIND_PATH, path->end, path->view->workspace, path->view};
    } else {
        return false;
    }
    return true;
}

PyTypeObject *bd_handle_type_new(PyObject *module, const bd_class *declared) {
    const bd_handle_slots *known = NULL;
    for (size_t i = 0; i < sizeof bd_slots / sizeof *bd_slots; i++)
        if (bd_slots[i].slot == declared->slot) known = &bd_slots[i];
    if (!known) {
        PyErr_Format(PyExc_ImportError, "bindd: no handle structure for the class %s", declared->name);
        return NULL;
    }
    PyType_Slot slots[8];
    int count = 0;
    if (known->dealloc) slots[count++] = (PyType_Slot){Py_tp_dealloc, (void *)known->dealloc};
    if (known->repr) slots[count++] = (PyType_Slot){Py_tp_repr, (void *)known->repr};
    slots[count++] = (PyType_Slot){Py_tp_new, (void *)bd_handle_no_new};
    slots[count++] = (PyType_Slot){Py_tp_methods, declared->methods};
    slots[count++] = (PyType_Slot){Py_tp_doc, (void *)declared->doc};
    if (known->hash) slots[count++] = (PyType_Slot){Py_tp_hash, (void *)known->hash};
    if (known->compare) slots[count++] = (PyType_Slot){Py_tp_richcompare, (void *)known->compare};
    slots[count] = (PyType_Slot){0, NULL};
    PyType_Spec spec = {declared->type_name, (int)known->size, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
