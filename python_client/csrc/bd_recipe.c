/* EdgeCreationAttributes, NodeCreationAttributes: made once, read often. Both forms in which they travel are written when
 * they are made, so using one is a copy of bytes.
 *
 * Wire: an edge's recipe as a parameter is u32 edge type, u32 direction (0 unset, 1 none, 2 source to target), optional str
 *   name, optional u32 index, attributes; a node's is its attributes.
 * Cost: one allocation of what it says, beside the object.
 */
#include "bd_batch.h"
#include "bd_recipe.h"

#include <stdio.h>
#include <stdlib.h>

static inline bd_recipe_object *bd_recipe_object_of(PyObject *self) { return (bd_recipe_object *)self; }

uint32_t bd_recipe_index_bits(uint32_t index) {
    return index == BD_INDEX_NONE ? 0 : (index >> 8 & 0x7F) << 9 | (index & 0xFF) << 16;
}

int bd_recipe_take_index(PyObject *value, uint32_t *index) {
    int64_t number;
    *index = BD_INDEX_NONE;
    if (!value || value == Py_None) return 0;
    if (bd_value_int(value, &number) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
        PyErr_Clear();
        number = -1;
    }
    if (number < 0 || number > BD_INDEX_MAX) {
        PyErr_SetString(PyExc_ValueError, "Index out of range");
        return -1;
    }
    *index = (uint32_t)number;
    return 0;
}

/* -- making ----------------------------------------------------------------------------------------------------------- */

static PyObject *bd_recipe_made(
    bd_state *state, uint32_t slot, uint32_t bits, const bd_writer *wire, const bd_writer *pairs) {
    size_t bytes = wire->size + pairs->size;
    unsigned char *data = wire->failed || pairs->failed ? NULL : malloc(bytes ? bytes : 1);
    if (!data) return PyErr_NoMemory();
    memcpy(data, wire->data, wire->size);
    memcpy(data + wire->size, pairs->data, pairs->size);
    bd_recipe_object *self = PyObject_New(bd_recipe_object, state->types[slot]);
    if (!self) {
        free(data);
        return NULL;
    }
    self->state = state;
    self->bits = bits;
    self->wire_bytes = wire->size;
    self->pairs_bytes = pairs->size;
    self->data = data;
    return (PyObject *)self;
}

static void bd_recipe_write_text(bd_writer *writer, const char *key, const char *text, size_t bytes) {
    bd_writer_str(writer, key, strlen(key));
    bd_writer_u32(writer, BD_LITERAL_STR);
    bd_writer_str(writer, text, bytes);
}

/* Attributes without the name: their count, then they. */
static int bd_recipe_write_dynamic(bd_writer *writer, const bd_recipe *recipe) {
    size_t at = writer->size;
    uint32_t written = 0;
    bd_writer_u32(writer, 0);
    if (recipe->shallow >= 0) {
        bd_writer_str(writer, "shallow", 7);
        bd_writer_u32(writer, BD_LITERAL_BOOL);
        bd_writer_u32(writer, (uint32_t)recipe->shallow);
        written++;
    }
    if (bd_value_write_dict(writer, recipe->dynamic, recipe->name != NULL, &written) < 0) return -1;
    if (!writer->failed) bd_store_u32(writer->data + at, written);
    return 0;
}

PyObject *bd_recipe_new(bd_state *state, const bd_recipe *recipe) {
    PyObject *object = NULL;
    bd_writer wire, pairs;
    bd_writer_init(&wire);
    bd_writer_init(&pairs);
    bd_writer_u32(&wire, recipe->edge_type);
    bd_writer_u32(&wire, recipe->direction);
    bd_writer_u32(&wire, recipe->name != NULL);
    if (recipe->name) bd_writer_str(&wire, recipe->name, recipe->name_bytes);
    bd_writer_u32(&wire, recipe->index != BD_INDEX_NONE);
    if (recipe->index != BD_INDEX_NONE) bd_writer_u32(&wire, recipe->index);
    size_t dynamic_at = wire.size;
    if (bd_recipe_write_dynamic(&wire, recipe) == 0 && !wire.failed) {
        uint32_t count = bd_load_u32(wire.data + dynamic_at);
        bd_writer_u32(&pairs, count + (recipe->name != NULL));
        if (recipe->name) bd_recipe_write_text(&pairs, "name", recipe->name, recipe->name_bytes);
        size_t rest = wire.size - dynamic_at - 4;
        unsigned char *to = bd_writer_reserve(&pairs, rest);
        if (to) memcpy(to, wire.data + dynamic_at + 4, rest);
        uint32_t directional = recipe->direction == BD_DIRECTION_SOURCE_TO_TARGET ? BD_EDGE_DIRECTIONAL : 0;
        object = bd_recipe_made(
            state, BD_TYPE_EDGE_RECIPE, recipe->edge_type | directional | bd_recipe_index_bits(recipe->index), &wire,
            &pairs);
    } else if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    bd_writer_free(&pairs);
    bd_writer_free(&wire);
    return object;
}

static PyObject *bd_recipe_new_for_node(bd_state *state, PyObject *dynamic, const char *value, size_t bytes) {
    PyObject *object = NULL;
    bd_writer wire, none;
    bd_writer_init(&wire);
    bd_writer_init(&none);
    bd_recipe recipe = {0, 0, BD_INDEX_NONE, NULL, 0, dynamic, -1};
    if (value) {
        bd_writer_u32(&wire, 1);
        bd_recipe_write_text(&wire, "value", value, bytes);
        object = bd_recipe_made(state, BD_TYPE_NODE_RECIPE, 0, &wire, &none);
    } else if (bd_recipe_write_dynamic(&wire, &recipe) == 0) {
        object = bd_recipe_made(state, BD_TYPE_NODE_RECIPE, 0, &wire, &none);
    }
    bd_writer_free(&none);
    bd_writer_free(&wire);
    return object;
}

void bd_recipe_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    free(bd_recipe_object_of(self)->data);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject *bd_recipe_repr(PyObject *self) {
    const bd_recipe_object *recipe = bd_recipe_object_of(self);
    if (Py_TYPE(self) == recipe->state->types[BD_TYPE_NODE_RECIPE])
        return PyUnicode_FromFormat("NodeCreationAttributes(%u attributes)", bd_load_u32(recipe->data));
    return PyUnicode_FromFormat("EdgeCreationAttributes(edge_type=%u)", recipe->bits & BD_EDGE_TYPE_MASK);
}

/* -- using ------------------------------------------------------------------------------------------------------------ */

const bd_recipe_object *bd_recipe_of(bd_state *state, PyObject *object) {
    bool is_one = Py_TYPE(object) == state->types[BD_TYPE_EDGE_RECIPE] ||
                  Py_TYPE(object) == state->types[BD_TYPE_NODE_RECIPE];
    return is_one ? bd_recipe_object_of(object) : NULL;
}

bool bd_recipe_is_one(PyObject *object) {
    return (destructor)PyType_GetSlot(Py_TYPE(object), Py_tp_dealloc) == bd_recipe_dealloc;
}

bd_state *bd_recipe_state(PyObject *object) { return bd_recipe_object_of(object)->state; }

void bd_recipe_write(bd_writer *writer, const bd_recipe_object *recipe) {
    unsigned char *to = bd_writer_reserve(writer, recipe->wire_bytes);
    if (to) memcpy(to, recipe->data, recipe->wire_bytes);
}

/* -- methods ---------------------------------------------------------------------------------------------------------- */

static int bd_recipe_take_name(PyObject *value, bd_recipe *recipe) {
    if (!value || value == Py_None) return 0;
    recipe->name = bd_value_str(value, &recipe->name_bytes, "Expected a string");
    return recipe->name ? 0 : -1;
}

PyObject *bd_recipe_create(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(state, BD_METHOD_EDGE_CREATION_ATTRIBUTES_CREATE, args, count, keywords, values) < 0)
        return NULL;
    bd_recipe recipe = {0, BD_DIRECTION_UNSET, BD_INDEX_NONE, NULL, 0, values[3], -1};
    if (!PyIndex_Check(values[0])) {
        PyErr_SetString(PyExc_TypeError, "edge_type must be an integer");
        return NULL;
    }
    if (bd_value_u8(values[0], &recipe.edge_type) < 0) return NULL;
    if (values[1] != Py_None) {
        int truth = PyObject_IsTrue(values[1]);
        if (truth < 0) return NULL;
        recipe.direction = truth ? BD_DIRECTION_SOURCE_TO_TARGET : BD_DIRECTION_NONE;
    }
    return bd_recipe_take_name(values[2], &recipe) < 0 ? NULL : bd_recipe_new(state, &recipe);
}

PyObject *bd_recipe_init(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(state, BD_METHOD_NODE_CREATION_ATTRIBUTES_INIT, args, count, keywords, values) < 0)
        return NULL;
    return bd_recipe_new_for_node(state, values[0], NULL, 0);
}

PyObject *bd_recipe_build_value(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    bd_recipe named = {0};
    if (bd_arguments_take(state, BD_METHOD_MAKE_CHILD_NODE_BUILD, args, count, keywords, values) < 0 ||
        bd_recipe_take_name(values[0], &named) < 0)
        return NULL;
    return bd_recipe_new_for_node(state, NULL, named.name, named.name_bytes);
}

PyObject *bd_recipe_get_tid(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_recipe_object *recipe = bd_recipe_object_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(recipe->state, BD_METHOD_EDGE_CREATION_ATTRIBUTES_GET_TID, args, count, keywords, values) < 0)
        return NULL;
    return PyLong_FromUnsignedLong(recipe->bits & BD_EDGE_TYPE_MASK);
}

/* A free edge between two nodes of one workspace. */
static int bd_recipe_make_edge(
    const bd_recipe_object *recipe, PyObject *source, PyObject *target, bd_workspace **workspace, bd_edge_info *info) {
    *workspace = ((bd_node_object *)source)->workspace;
    *info = (bd_edge_info){0, ((bd_node_object *)source)->node, ((bd_node_object *)target)->node, recipe->bits};
    if (bd_workspace_check(*workspace) < 0) return -1;
    if (*workspace != ((bd_node_object *)target)->workspace) {
        PyErr_SetString(PyExc_ValueError, "source and target belong to different workspaces");
        return -1;
    }
    if (bd_guard_use(*workspace, BD_KIND_NODE, info->source) < 0 || bd_guard_use(*workspace, BD_KIND_NODE, info->target) < 0)
        return -1;
    return bd_edge_make(*workspace, info, recipe->data + recipe->wire_bytes, recipe->pairs_bytes);
}

PyObject *bd_recipe_create_edge(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_recipe_object *recipe = bd_recipe_object_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    bd_workspace *workspace;
    bd_edge_info info;
    if (bd_arguments_take(
            recipe->state, BD_METHOD_EDGE_CREATION_ATTRIBUTES_CREATE_EDGE, args, count, keywords, values) < 0 ||
        bd_recipe_make_edge(recipe, values[0], values[1], &workspace, &info) < 0)
        return NULL;
    PyObject *edge = bd_edge_new(workspace, &info);
    if (edge) bd_counts_pin(&workspace->edge_counts, info.edge);
    return edge;
}

PyObject *bd_recipe_insert_edge(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_EDGE_CREATION_ATTRIBUTES_INSERT_EDGE;
    const bd_recipe_object *recipe = bd_recipe_object_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(recipe->state, method, args, count, keywords, values) < 0) return NULL;
    bd_view *view = ((bd_view_object *)values[0])->view;
    bd_node_object *source = (bd_node_object *)values[1], *target = (bd_node_object *)values[2];
    bd_workspace *workspace = view->workspace;
    bd_edge_info info;
    if (bd_view_check(view) < 0) return NULL;
    info = (bd_edge_info){0, source->node, target->node, 0};
    bool is_known = source->workspace == workspace && target->workspace == workspace && bd_edge_can_insert(view, &info);
    if (!is_known) return bd_invoke(method, self, args, count, keywords);
    if (bd_recipe_make_edge(recipe, values[1], values[2], &workspace, &info) < 0 ||
        bd_edge_insert_known(view, &info) < 0)
        return NULL;
    PyObject *edge = bd_bound_edge_new(view, &info);
    if (edge) bd_counts_pin(&workspace->edge_counts, info.edge);
    return edge;
}
