/* What a handle refers to, whatever its type; making the types. */
#ifndef BD_HANDLE_H
#define BD_HANDLE_H

#include "bd_state.h"

/* Paths of one search share a tree, which owns the edges; see bd_path.c. */
typedef struct bd_path_tree bd_path_tree;
typedef struct bd_path_object {
    PyObject_HEAD
    bd_view *view; /* the tree's */
    bd_path_tree *tree;
    uint32_t end;
    uint32_t step; /* of the tree; 0: the empty path */
    uint32_t record; /* of the ledger, 0: none */
} bd_path_object;

typedef struct bd_handle_parts {
    uint32_t kind;
    uint32_t index;
    bd_workspace *workspace; /* borrowed */
    bd_view *view;           /* borrowed, NULL when the kind has none */
} bd_handle_parts;

/* False when the object is no graph handle (of exactly one of our types). */
bool bd_handle_take(PyObject *object, bd_handle_parts *parts);
/* The last proxy's end is noted as a release, where one is due. */
void bd_handle_drop_node(bd_workspace *workspace, uint32_t node);
void bd_handle_drop_edge(bd_workspace *workspace, const bd_edge_info *info);
/* When the module ends. */
void bd_handle_free_spares(bd_state *state);
PyTypeObject *bd_handle_type_new(PyObject *module, const bd_class *declared);

/* -- paths: bd_path.c ---------------------------------------------------------------------------------------------------- */
/* From the payload: u32 start, u32 end, list of edge info. NULL with reader->bad for broken bytes, else with an exception. */
PyObject *bd_path_read(bd_view *view, bd_reader *reader);
/* A dict of BoundNode to path. */
PyObject *bd_path_read_connected(bd_view *view, bd_reader *reader);
void bd_path_dealloc(PyObject *self);
PyObject *bd_path_repr(PyObject *self);

/* -- typegraphs: bd_type_graph.c -------------------------------------------------------------------------------------------- */
void bd_type_graph_dealloc(PyObject *self);
PyObject *bd_type_graph_repr(PyObject *self);
/* By the method that runs; counted once for it. */
void bd_type_graph_use(PyObject *self);

#endif
