/* The arrays of the generated table, and look-ups by operation number. */
#include "bd_table.h"

#include "bd_layout.h"

PyObject *bd_invoke(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords);
PyObject *bd_handle_address(PyObject *self, PyObject *ignored);
PyObject *bd_handle_no_pickle(PyObject *self, PyObject *ignored);

#define BD_METHOD_DEF(name, function, doc) \
    { name, (PyCFunction)(void (*)(void))function, METH_FASTCALL | METH_KEYWORDS, doc }
#define BD_HANDLE_METHODS \
    {"__zig_address__", bd_handle_address, METH_NOARGS, \
     "__zig_address__($self, /)\n--\n\nThe debug id that `bindd inspect handles` shows."}, \
    {"__reduce_ex__", bd_handle_no_pickle, METH_O, \
     "__reduce_ex__($self, protocol, /)\n--\n\nHandles cannot be pickled or copied."},

_Static_assert(BD_TYPE_EDGE_RECIPE == BD_KIND_COUNT, "types without handles come after the kinds of handles");

#define BD_TABLE_IMPLEMENTATION
#include "generated/bd_table.h"

const bd_class *const bd_table_classes = bd_classes;
PyMethodDef *const bd_table_functions = bd_functions;

const bd_method *bd_operation_method(uint16_t operation) {
    if (operation < 16) return NULL;
    for (int i = 0; i < BD_METHOD_COUNT; i++)
        if (bd_methods[i].operation == operation) return &bd_methods[i];
    return NULL;
}

const char *bd_operation_name(uint16_t operation) {
    switch (operation) {
        case BD_OP_HELLO: return "hello";
        case BD_OP_CONTROL: return "control";
        case BD_OP_SYNC: return "sync";
        case BD_OP_RELEASE: return "release";
        case BD_OP_LEASE: return "lease";
        case BD_OP_ADVANCE: return "advance";
        case BD_OP_FORETELL: return "foretell";
        case BD_OP_PIN: return "pin";
        case BD_OP_BATCH: return "batch";
        default: break;
    }
    const bd_method *method = bd_operation_method(operation);
    return method ? method->name : "unknown operation";
}

uint32_t bd_kind_of_type(uint8_t type) {
    switch (type & BD_T_ITEM_MASK) {
        case BD_T_NODE: return BD_KIND_NODE;
        case BD_T_EDGE: return BD_KIND_EDGE;
        case BD_T_VIEW: return BD_KIND_VIEW;
        case BD_T_BOUND_NODE: return BD_KIND_BOUND_NODE;
        case BD_T_BOUND_EDGE: return BD_KIND_BOUND_EDGE;
        case BD_T_PATH: return BD_KIND_PATH;
        case BD_T_DOCUMENT: return BD_KIND_DOCUMENT;
        case BD_T_TYPE_GRAPH: return BD_KIND_TYPE_GRAPH;
        case BD_T_EDGE_RECIPE: return BD_TYPE_EDGE_RECIPE;
        case BD_T_NODE_RECIPE: return BD_TYPE_NODE_RECIPE;
        default: return 0;
    }
}
