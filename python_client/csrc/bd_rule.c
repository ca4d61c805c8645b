/* The methods that edge kinds share and that look at nothing but their arguments, or make an edge: one function for each
 * way of using the facts in the table (EdgeRule.swift), told by its number which method is called.
 *
 * A new edge between known members is two commands that exist anyway, EdgeReference.create and GraphView.insert_edge, so
 * that edges on their way are seen by reads; else the method's own call, whose refusal is raised here.
 * Cost: looking 20-40 ns, making a free edge about 100 ns, inserting one about 200 ns.
 */
#include "bd_batch.h"
#include "bd_handle.h"
#include "bd_recipe.h"
#include "bd_rule.h"

#include <string.h>

/* -- looking at an edge's handle ---------------------------------------------------------------------------------------- */

/* The edge of the first argument as it is now; NULL with an exception. */
static const bd_edge_object *bd_rule_edge(PyObject *value) {
    bd_edge_object *edge = (bd_edge_object *)value;
    if (bd_workspace_check(edge->workspace) < 0 ||
        bd_guard_use(edge->workspace, BD_KIND_EDGE, edge->info.edge) < 0 || bd_edge_current(edge->workspace, &edge->info) < 0) return NULL;
    return edge;
}

static const bd_edge_object *bd_rule_take_edge(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords, PyObject **values) {
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    return bd_rule_edge(values[0]);
}

PyObject *bd_rule_is_instance(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    const bd_edge_object *edge = bd_rule_take_edge(method, self, args, count, keywords, values);
    return edge ? PyBool_FromLong((edge->info.bits & BD_EDGE_TYPE_MASK) == BD_RULE(method)->edge_type) : NULL;
}

PyObject *bd_rule_end(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_rule *rule = BD_RULE(method);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    const bd_edge_object *edge = bd_rule_take_edge(method, self, args, count, keywords, values);
    if (!edge) return NULL;
    if (rule->is_directional && !(edge->info.bits & BD_EDGE_DIRECTIONAL)) Py_RETURN_NONE;
    return bd_node_new(edge->workspace, rule->want == BD_WANT_SOURCE ? edge->info.source : edge->info.target);
}

PyObject *bd_rule_relative_end(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_rule *rule = BD_RULE(method);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    const bd_edge_object *edge = bd_rule_take_edge(method, self, args, count, keywords, values);
    if (!edge) return NULL;
    const bd_node_object *node = (bd_node_object *)values[1];
    bool is_ours = node->workspace == edge->workspace;
    bool is_source = is_ours && node->node == edge->info.source, is_target = is_ours && node->node == edge->info.target;
    uint32_t end = rule->want == BD_WANT_SOURCE ? edge->info.source : edge->info.target;
    if (rule->want == BD_WANT_OPPOSITE) {
        if (!is_source && !is_target) Py_RETURN_NONE;
        end = is_source ? edge->info.target : edge->info.source;
    } else if (rule->want == BD_WANT_SOURCE ? is_source : is_target) {
        Py_RETURN_NONE;
    }
    return bd_node_new(edge->workspace, end);
}

PyObject *bd_rule_get_index(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    const bd_edge_object *edge = bd_rule_take_edge(method, self, args, count, keywords, values);
    return edge ? PyLong_FromUnsignedLong((edge->info.bits >> 9 & 0x7F) << 8 | (edge->info.bits >> 16 & 0xFF)) : NULL;
}

PyObject *bd_rule_get_tid(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    return PyLong_FromUnsignedLong(BD_RULE(method)->edge_type);
}

/* -- what the parameters say -------------------------------------------------------------------------------------------- */

typedef struct bd_rule_name {
    const char *text; /* NULL: none */
    size_t bytes;
} bd_rule_name;

/* The edge's name: the rule's own, or the method's parameter of type str. */
static int bd_rule_take_name(int method, PyObject *const *values, bd_rule_name *name) {
    const bd_method *declared = &bd_methods[method];
    *name = (bd_rule_name){declared->rule.text, declared->rule.text_bytes};
    for (int i = 0; i < declared->parameter_count && !name->text; i++) {
        const bd_parameter *parameter = &bd_parameters[declared->first_parameter + i];
        if ((parameter->type & BD_T_ITEM_MASK) != BD_T_STR) continue;
        if (!values[i] || (parameter->type & BD_T_OPTIONAL && values[i] == Py_None)) continue;
        name->text = bd_value_str(
            values[i], &name->bytes, parameter->refusal ? parameter->refusal : "Expected a string");
        if (!name->text) return -1;
    }
    return 0;
}

static int bd_rule_take_index(int method, PyObject *const *values, uint32_t *index) {
    const bd_method *declared = &bd_methods[method];
    *index = BD_INDEX_NONE;
    for (int i = 0; i < declared->parameter_count; i++)
        if (bd_parameters[declared->first_parameter + i].type == (BD_T_INT | BD_T_OPTIONAL))
            return bd_recipe_take_index(values[i], index);
    return 0;
}

/* -- recipes and path items ----------------------------------------------------------------------------------------------- */

PyObject *bd_rule_build(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_method *declared = &bd_methods[method];
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX] = {NULL};
    bd_rule_name name = {NULL, 0};
    bd_recipe recipe = {declared->rule.edge_type, BD_DIRECTION_NONE, BD_INDEX_NONE, NULL, 0, NULL, -1};
    if (declared->rule.is_directional) recipe.direction = BD_DIRECTION_SOURCE_TO_TARGET;
    if (bd_arguments_take(state, method, args, count, keywords, values) < 0 ||
        bd_rule_take_name(method, values, &name) < 0 || bd_rule_take_index(method, values, &recipe.index) < 0)
        return NULL;
    if (declared->parameter_count && bd_parameters[declared->first_parameter].type == BD_T_BOOL) {
        recipe.shallow = values[0] ? PyObject_IsTrue(values[0]) : 0;
        if (recipe.shallow < 0) return NULL;
    }
    recipe.name = name.text;
    recipe.name_bytes = name.bytes;
    return bd_recipe_new(state, &recipe);
}

static PyObject *bd_rule_namespace(bd_state *state) {
    if (!state->namespace) {
        PyObject *types = PyImport_ImportModule("types");
        state->namespace = types ? PyObject_GetAttrString(types, "SimpleNamespace") : NULL;
        Py_XDECREF(types);
    }
    return state->namespace; /* borrowed */
}

PyObject *bd_rule_traverse(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX] = {NULL};
    bd_rule_name name = {NULL, 0};
    PyObject *type = bd_rule_namespace(state);
    if (!type || bd_arguments_take(state, method, args, count, keywords, values) < 0 ||
        bd_rule_take_name(method, values, &name) < 0)
        return NULL;
    PyObject *item = PyObject_CallNoArgs(type);
    PyObject *identifier = item ? PyUnicode_FromStringAndSize(name.text ? name.text : "", (Py_ssize_t)name.bytes) : NULL;
    PyObject *tid = identifier ? PyLong_FromLong(BD_RULE(method)->edge_type) : NULL;
    if (!tid || PyObject_SetAttrString(item, "identifier", identifier) < 0 ||
        PyObject_SetAttrString(item, "edge_type", tid) < 0)
        Py_CLEAR(item);
    Py_XDECREF(tid);
    Py_XDECREF(identifier);
    return item;
}

/* -- making edges ------------------------------------------------------------------------------------------------------------ */

static int bd_rule_make(
    int method, bd_workspace *workspace, bd_edge_info *info, const bd_rule_name *name, uint32_t index) {
    const bd_rule *rule = BD_RULE(method);
    info->bits = rule->edge_type | (rule->is_directional ? BD_EDGE_DIRECTIONAL : 0) | bd_recipe_index_bits(index);
    bd_writer writer;
    bd_writer_init(&writer);
    bd_writer_u32(&writer, name->text != NULL);
    if (name->text) {
        bd_writer_str(&writer, "name", 4);
        bd_writer_u32(&writer, BD_LITERAL_STR);
        bd_writer_str(&writer, name->text, name->bytes);
    }
    int result = -1;
    if (writer.failed) PyErr_NoMemory();
    else result = bd_edge_make(workspace, info, writer.data, writer.size);
    bd_writer_free(&writer);
    return result;
}

PyObject *bd_rule_create(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    bd_rule_name name;
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0 ||
        bd_rule_take_name(method, values, &name) < 0)
        return NULL;
    bd_node_object *source = (bd_node_object *)values[0], *target = (bd_node_object *)values[1];
    bd_workspace *workspace = source->workspace;
    if (bd_workspace_check(workspace) < 0 || bd_workspace_check(target->workspace) < 0) return NULL;
    if (workspace != target->workspace) {
        PyErr_SetString(PyExc_ValueError, "source and target belong to different workspaces");
        return NULL;
    }
    if (bd_guard_use(workspace, BD_KIND_NODE, source->node) < 0 || bd_guard_use(workspace, BD_KIND_NODE, target->node) < 0)
        return NULL;
    bd_edge_info info = {0, source->node, target->node, 0};
    if (bd_rule_make(method, workspace, &info, &name, BD_INDEX_NONE) < 0) return NULL;
    PyObject *edge = bd_edge_new(workspace, &info);
    if (edge) bd_counts_pin(&workspace->edge_counts, info.edge);
    return edge;
}

PyObject *bd_rule_add(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    bd_rule_name name;
    uint32_t index;
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0 ||
        bd_rule_take_name(method, values, &name) < 0 || bd_rule_take_index(method, values, &index) < 0)
        return NULL;
    const bd_bound_node_object *from = (bd_bound_node_object *)values[0];
    bd_view *view = from->view, *other = NULL;
    bd_workspace *workspace = view->workspace;
    bd_edge_info info = {0, from->node, 0, 0};
    bool is_bound = bd_parameters[bd_methods[method].first_parameter + 1].type == BD_T_BOUND_NODE;
    if (is_bound) {
        other = ((bd_bound_node_object *)values[1])->view;
        info.target = ((bd_bound_node_object *)values[1])->node;
    } else {
        info.target = ((bd_node_object *)values[1])->node;
    }
    bd_workspace *target_workspace = is_bound ? other->workspace : ((bd_node_object *)values[1])->workspace;
    if (bd_view_check(view) < 0 || (other && bd_view_check(other) < 0)) return NULL;
    if (bd_guard_use(workspace, BD_KIND_NODE, info.source) < 0 || bd_guard_use(workspace, BD_KIND_NODE, info.target) < 0)
        return NULL;
    if (target_workspace != workspace || !bd_edge_can_insert(view, &info))
        return bd_invoke(method, self, args, count, keywords);
    if (bd_rule_make(method, workspace, &info, &name, index) < 0 || bd_edge_insert_known(view, &info) < 0) return NULL;
    PyObject *edge = bd_bound_edge_new(view, &info);
    if (edge) bd_counts_pin(&workspace->edge_counts, info.edge);
    if (!edge || BD_RULE(method)->want != BD_WANT_BOUND_TARGET) return edge;
    Py_DECREF(edge);
    return bd_bound_node_new(other, info.target);
}
