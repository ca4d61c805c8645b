/* The shape of the generated table: methods, their parameters, types of values. The data is in generated/bd_table.h, the
 * arrays in bd_table.c; bd_invoke.c walks them.
 */
#ifndef BD_TABLE_TYPES_H
#define BD_TABLE_TYPES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum {
    BD_T_NONE, BD_T_INT, BD_T_U8, BD_T_U32, BD_T_BOOL, BD_T_FLOAT, BD_T_STR, BD_T_LITERAL, BD_T_ATTRIBUTES, BD_T_ANY,
    BD_T_CALLABLE,
    BD_T_BYTES, BD_T_JSON, BD_T_NODE, BD_T_EDGE, BD_T_VIEW, BD_T_BOUND_NODE, BD_T_BOUND_EDGE, BD_T_PATH,
    BD_T_DOCUMENT, BD_T_TYPE_GRAPH, BD_T_EDGE_RECIPE, BD_T_NODE_RECIPE, BD_T_DICT, BD_T_TRAVERSAL, BD_T_VALUE,
    BD_T_LIST = 64,
    BD_T_OPTIONAL = 128,
    BD_T_ITEM_MASK = 63
};
enum { BD_DEFAULT_NONE, BD_DEFAULT_BOOL, BD_DEFAULT_INT, BD_DEFAULT_FLOAT, BD_DEFAULT_STR };
enum {
    BD_KIND_OF_REQUEST_COMMAND, BD_KIND_OF_REQUEST_CALL, BD_KIND_OF_REQUEST_QUERY, BD_KIND_OF_REQUEST_LOCAL
};

/* Types that have no handles, beside those by kind of handle (BD_KIND_COUNT of them). */
enum { BD_TYPE_EDGE_RECIPE = 32, BD_TYPE_NODE_RECIPE, BD_TYPE_COUNT };

/* What the methods of an edge kind have in common: see EdgeRule.swift. */
enum { BD_SIDE_ANY, BD_SIDE_OUTGOING, BD_SIDE_INCOMING };
enum {
    BD_MATCH_ALL, BD_MATCH_NAME, BD_MATCH_TEXT, BD_MATCH_INSTANCE, BD_MATCH_OTHER, BD_MATCH_OTHER_INSTANCE
};
enum {
    BD_WANT_EDGE, BD_WANT_SOURCE, BD_WANT_TARGET, BD_WANT_BOUND_SOURCE, BD_WANT_BOUND_TARGET, BD_WANT_OPPOSITE,
    BD_WANT_TYPE_GRAPH
};

typedef struct bd_rule {
    uint8_t edge_type;
    uint8_t side;
    uint8_t match;
    uint8_t want;
    uint8_t is_directional;
    const char *text; /* NULL: none */
    uint32_t text_bytes;
    const char *via; /* name of the child whose edges are meant; NULL: those of the node itself */
    uint32_t via_bytes;
} bd_rule;

typedef struct bd_parameter {
    const char *name;
    uint8_t type;
    uint8_t is_required;
    uint8_t default_kind;
    int64_t default_int;
    double default_float;
    const char *default_str;
    const char *refusal, *item_refusal; /* words of the TypeError; NULL: those of the type */
} bd_parameter;

typedef struct bd_method {
    const char *name; /* "GraphView.create" */
    uint16_t operation;
    uint8_t kind;
    uint8_t self_type;
    uint8_t ignores_arguments;
    uint8_t parameter_count;
    uint16_t first_parameter;
    uint8_t result;
    uint8_t is_batchable; /* a command that may stand in a batch */
    bd_rule rule;
} bd_method;

typedef struct bd_class {
    const char *name;
    const char *python_name;
    const char *alias; /* second name in the module, or NULL */
    const char *type_name; /* "bindd.graph.GraphView" */
    uint32_t slot; /* kind of handle, or BD_TYPE_…; 0: no instances, the type is not kept */
    const char *outer; /* class of which it is an attribute as well, or NULL */
    const char *doc;
    PyMethodDef *methods;
    PyMethodDef *static_methods;
} bd_class;

#define BD_CLIENT_FUNCTION(name) \
    PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
#define BD_RULE_FUNCTION(name) \
    PyObject *name(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
#include "generated/bd_table.h"

#define BD_PARAMETERS_PER_METHOD_MAX 32

extern const bd_parameter bd_parameters[];
extern const bd_method bd_methods[];
extern const uint8_t bd_operation_kinds[]; /* by operation */
extern const uint32_t bd_operation_count;
#define BD_OPERATION_DECLARED_FIRST 16u /* below: the protocol's own */
/* A call may make objects in the worker, with ids of this client's leases. */
static inline int bd_operation_makes(uint16_t operation) {
    return operation >= BD_OPERATION_DECLARED_FIRST && operation < bd_operation_count &&
           bd_operation_kinds[operation] == BD_KIND_OF_REQUEST_CALL;
}
extern const bd_class *const bd_table_classes;
extern PyMethodDef *const bd_table_functions;
const char *bd_operation_name(uint16_t operation);
const bd_method *bd_operation_method(uint16_t operation);
uint32_t bd_kind_of_type(uint8_t type);

#endif
