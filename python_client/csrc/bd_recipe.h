/* Creation attributes: values of this process that travel with the requests that use them. */
#ifndef BD_RECIPE_H
#define BD_RECIPE_H

#include "bd_state.h"

#define BD_DIRECTION_UNSET 0u
#define BD_DIRECTION_NONE 1u
#define BD_DIRECTION_SOURCE_TO_TARGET 2u
#define BD_INDEX_MAX 0x7FFF
#define BD_INDEX_NONE UINT32_MAX

/* EdgeCreationAttributes and NodeCreationAttributes; the latter has pairs only. Never changes. */
typedef struct bd_recipe_object {
    PyObject_HEAD
    bd_state *state;    /* borrowed: the type keeps the module */
    uint32_t bits;      /* of an edge made by it: type, direction, index */
    size_t wire_bytes;  /* as a parameter */
    size_t pairs_bytes; /* as the attributes of a new edge, the name first */
    unsigned char *data; /* wire, then pairs */
} bd_recipe_object;

typedef struct bd_recipe {
    uint32_t edge_type, direction, index;
    const char *name; /* NULL: none */
    size_t name_bytes;
    PyObject *dynamic;  /* borrowed; what is no dict has no attributes. NULL: none */
    int shallow;        /* -1: no such attribute */
} bd_recipe;

PyObject *bd_recipe_new(bd_state *state, const bd_recipe *recipe);
/* The object when it is one of the two kinds (exactly), else NULL. */
const bd_recipe_object *bd_recipe_of(bd_state *state, PyObject *object);
void bd_recipe_write(bd_writer *writer, const bd_recipe_object *recipe);
bd_state *bd_recipe_state(PyObject *object);
bool bd_recipe_is_one(PyObject *object);
void bd_recipe_dealloc(PyObject *self);
PyObject *bd_recipe_repr(PyObject *self);
/* Bits of a pointer's index. */
uint32_t bd_recipe_index_bits(uint32_t index);
/* None: BD_INDEX_NONE. ValueError outside 0…32767. */
int bd_recipe_take_index(PyObject *value, uint32_t *index);

#endif
