/* Results that say of each value what it is: see bd_layout.h for the tags. */
#ifndef BD_RESULT_H
#define BD_RESULT_H

#include "bd_handle.h"

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
