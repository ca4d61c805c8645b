/* The shape of the generated table: methods, their parameters, types of values. The data is in generated/bd_table.h, the
 * arrays in bd_table.c; bd_invoke.c walks them.
 */
#ifndef BD_TABLE_TYPES_H
#define BD_TABLE_TYPES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum {
    BD_T_NONE, BD_T_INT, BD_T_U8, BD_T_U32, BD_T_BOOL, BD_T_FLOAT, BD_T_STR, BD_T_LITERAL, BD_T_ATTRIBUTES, BD_T_ANY, BD_T_CALLABLE,
    BD_T_BYTES, BD_T_JSON, BD_T_NODE, BD_T_EDGE, BD_T_VIEW, BD_T_BOUND_NODE, BD_T_BOUND_EDGE, BD_T_PATH,
    BD_T_DOCUMENT,
    BD_T_LIST = 64,
    BD_T_OPTIONAL = 128,
    BD_T_ITEM_MASK = 63
};
enum { BD_DEFAULT_NONE, BD_DEFAULT_BOOL, BD_DEFAULT_INT, BD_DEFAULT_FLOAT, BD_DEFAULT_STR };
enum {
    BD_KIND_OF_REQUEST_COMMAND, BD_KIND_OF_REQUEST_CALL, BD_KIND_OF_REQUEST_QUERY, BD_KIND_OF_REQUEST_LOCAL
};

typedef struct bd_parameter {
    const char *name;
    uint8_t type;
    uint8_t is_required;
    uint8_t default_kind;
    int64_t default_int;
    double default_float;
    const char *default_str;
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
} bd_method;

typedef struct bd_class {
    const char *name;
    const char *python_name;
    const char *alias; /* second name in the module, or NULL */
    const char *type_name; /* "bindd.graph.GraphView" */
    uint32_t kind;
    const char *doc;
    PyMethodDef *methods;
    PyMethodDef *static_methods;
} bd_class;

#define BD_CLIENT_FUNCTION(name) \
    PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
#include "generated/bd_table.h"

#define BD_PARAMETERS_PER_METHOD_MAX 32

extern const bd_parameter bd_parameters[];
extern const bd_method bd_methods[];
extern const bd_class *const bd_table_classes;
extern PyMethodDef *const bd_table_functions;
const char *bd_operation_name(uint16_t operation);
const bd_method *bd_operation_method(uint16_t operation);
uint32_t bd_kind_of_type(uint8_t type);

#endif
