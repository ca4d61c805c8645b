/* What a handle refers to, whatever its type; making the types. */
#ifndef BD_HANDLE_H
#define BD_HANDLE_H

#include "bd_state.h"

typedef struct bd_handle_parts {
    uint32_t kind;
    uint32_t index;
    bd_workspace *workspace; /* borrowed */
    bd_view *view;           /* borrowed, NULL when the kind has none */
} bd_handle_parts;

/* False when the object is no graph handle (of exactly one of our types). */
bool bd_handle_take(PyObject *object, bd_handle_parts *parts);
PyTypeObject *bd_handle_type_new(PyObject *module, const bd_class *declared);

#endif
