/* Results that say of each value what it is: see Call+Values.swift for the tags. */
#ifndef BD_RESULT_H
#define BD_RESULT_H

#include "bd_handle.h"

/* What a value says that it is; Call+Values.swift has what follows each. */
enum {
    BD_RESULT_NONE, BD_RESULT_INT, BD_RESULT_FLOAT, BD_RESULT_BOOL, BD_RESULT_STR, BD_RESULT_LIST, BD_RESULT_TUPLE, BD_RESULT_BOUND_NODE,
    BD_RESULT_BOUND_EDGE, BD_RESULT_PATH, BD_RESULT_DICT, BD_RESULT_NODE, BD_RESULT_EDGE, BD_RESULT_TYPE_GRAPH, BD_RESULT_LOOSE_BOUND_NODE,
    BD_RESULT_CONNECTED
};
#define BD_RESULT_DEPTH_MAX 8

typedef struct bd_result_context {
    bd_state *state;
    bd_workspace *workspace;
    bd_view *const *views; /* those that the arguments mention: a result is in one of them */
    int view_count;
} bd_result_context;

/* NULL with reader->bad for broken bytes, NULL with an exception otherwise. */
PyObject *bd_result_read(const bd_result_context *context, bd_reader *reader);
/* The view of that index, NULL when no argument mentions it. */
bd_view *bd_result_view(const bd_result_context *context, uint32_t index);

#endif
