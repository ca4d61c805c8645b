/* The methods of edge kinds and types that read the graph: the first edge at a node that fits, the edges that fit, an
 * attribute. One function for each way of reading; the facts are in the table (EdgeRule.swift), and the method's number
 * says which. What the arena can answer is answered from it (bd_local.h), the rest by the method's own query, which answers
 * the same. What a visit calls for is settled before it calls.
 * Cost: 60-120 ns from the arena, one round trip else.
 */
#include "bd_batch.h"
#include "bd_call.h"
#include "bd_handle.h"
#include "bd_local.h"

#define BD_RULE(method) (&bd_methods[method].rule)
#define BD_COMPOSITION 130u
#define BD_EDGE_TYPE 0u

static inline bd_direction bd_rule_direction(const bd_rule *rule) {
    return rule->side == BD_SIDE_OUTGOING ? BD_DIRECTION_OUT
           : rule->side == BD_SIDE_INCOMING ? BD_DIRECTION_IN : BD_DIRECTION_ANY;
}

/* What a method is asked of: a node in a view, and what edges must fit. */
typedef struct bd_rule_question {
    bd_view *view;
    uint32_t node;
    const char *name; /* BD_MATCH_NAME, BD_MATCH_TEXT */
    size_t name_bytes;
    uint32_t type;    /* BD_MATCH_INSTANCE: the node that is the type */
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
} bd_rule_question;

static uint32_t bd_rule_node_of(const bd_parameter *parameter, PyObject *value) {
    return parameter->type == BD_T_BOUND_NODE ? ((bd_bound_node_object *)value)->node : ((bd_node_object *)value)->node;
}

static int bd_rule_ask(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
    bd_rule_question *question) {
    const bd_method *declared = &bd_methods[method];
    const bd_rule *rule = &declared->rule;
    bool is_static = declared->self_type == BD_T_NONE;
    bd_bound_node_object *bound = (bd_bound_node_object *)self;
    bd_state *state = is_static ? bd_state_of(self) : bound->view->workspace->state;
    PyObject **values = question->values;
    if (bd_arguments_take(state, method, args, count, keywords, values) < 0) return -1;
    if (is_static) bound = (bd_bound_node_object *)values[0];
    PyObject *second = values[is_static ? 1 : 0];
    question->view = bound->view;
    question->node = bound->node;
    if (rule->match == BD_MATCH_NAME) {
        question->name = bd_value_str(second, &question->name_bytes, "Expected a string");
        if (!question->name) return -1;
    } else if (rule->match == BD_MATCH_TEXT) {
        question->name = rule->text;
        question->name_bytes = rule->text_bytes;
    } else if (rule->match == BD_MATCH_INSTANCE) {
        question->type = bd_rule_node_of(&bd_parameters[declared->first_parameter + 1], second);
    }
    if (bd_view_check(bound->view) < 0) return -1;
    bd_workspace *workspace = bound->view->workspace;
    bool is_fit = bd_guard_read(workspace, BD_KIND_VIEW, bound->view->index) == 0 &&
                  bd_guard_read(workspace, BD_KIND_NODE, bound->node) == 0;
    return is_fit ? 0 : -1;
}

/* -- does an edge fit? ---------------------------------------------------------------------------------------------------- */

/* Whether the node's first type edge comes from that type. */
static bd_answer bd_rule_is_typed(bd_view *view, uint32_t node, uint32_t type, bool *is_typed) {
    bd_edge_info info;
    bool found;
    bd_answer answer = bd_local_first(view, node, BD_EDGE_TYPE, BD_DIRECTION_IN, NULL, 0, &info, &found);
    if (answer == BD_ANSWERED) *is_typed = found && info.bits & BD_EDGE_DIRECTIONAL && info.source == type;
    return answer;
}

static bd_answer bd_rule_fits(
    const bd_rule *rule, const bd_rule_question *question, const bd_arena_edge *edge, bool *fits) {
    *fits = true;
    switch (rule->match) {
        case BD_MATCH_OTHER: *fits = edge->target != question->node; return BD_ANSWERED;
        case BD_MATCH_INSTANCE: return bd_rule_is_typed(question->view, edge->target, question->type, fits);
        case BD_MATCH_NAME:
        case BD_MATCH_TEXT:
            return bd_local_edge_is_named(
                question->view->workspace, edge->edge, question->name, question->name_bytes, fits);
        default: return BD_ANSWERED;
    }
}

/* -- the first edge -------------------------------------------------------------------------------------------------------- */

static bd_answer bd_rule_find(
    const bd_rule *rule, const bd_rule_question *question, bd_edge_info *info, bool *found) {
    bd_view *view = question->view;
    bd_direction direction = bd_rule_direction(rule);
    if (rule->match != BD_MATCH_INSTANCE && rule->match != BD_MATCH_OTHER)
        return bd_local_first(
            view, question->node, rule->edge_type, direction, question->name, question->name_bytes, info, found);
    bd_arena_list list;
    bd_answer answer = bd_local_visit(view, question->node, rule->edge_type, direction, &list);
    *found = false;
    for (size_t i = 0; answer == BD_ANSWERED && !*found && i < list.count; i++) {
        answer = bd_rule_fits(rule, question, &list.edges[i], found);
        const bd_arena_edge *edge = &list.edges[i];
        if (*found) *info = (bd_edge_info){edge->edge, edge->source, edge->target, edge->bits};
    }
    bd_local_visit_done(view->workspace, &list);
    return answer;
}

static PyObject *bd_rule_wanted(const bd_rule *rule, bd_view *view, const bd_edge_info *info) {
    bd_workspace_saw_edge(view->workspace, info);
    if (!view->is_destroyed) bd_view_know_edge(view, info);
    switch (rule->want) {
        case BD_WANT_SOURCE: return bd_node_new(view->workspace, info->source);
        case BD_WANT_TARGET: return bd_node_new(view->workspace, info->target);
        case BD_WANT_BOUND_SOURCE: return bd_bound_node_new(view, info->source);
        case BD_WANT_BOUND_TARGET: return bd_bound_node_new(view, info->target);
        case BD_WANT_TYPE_GRAPH: return bd_type_graph_new(view, info->source);
        default: return bd_bound_edge_new(view, info);
    }
}

PyObject *bd_rule_first(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_rule_question question = {0};
    bd_edge_info info;
    bool found = false;
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    bd_answer answer = bd_rule_find(BD_RULE(method), &question, &info, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK) return bd_invoke(method, self, args, count, keywords);
    if (!found) Py_RETURN_NONE;
    return bd_rule_wanted(BD_RULE(method), question.view, &info);
}

PyObject *bd_rule_is_instance_of(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_rule_question question = {0};
    bool is_typed = false;
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    uint32_t type = ((bd_node_object *)question.values[1])->node;
    bd_answer answer = bd_rule_is_typed(question.view, question.node, type, &is_typed);
    if (answer == BD_FAILED) return NULL;
    return answer == BD_ASK ? bd_invoke(method, self, args, count, keywords) : PyBool_FromLong(is_typed);
}

/* Node -> its type -> the type's parent. */
PyObject *bd_rule_of_instance(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_rule_question question = {0};
    bd_edge_info type, parent;
    bool found = false;
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    bd_view *view = question.view;
    bd_answer answer = bd_local_first(view, question.node, BD_EDGE_TYPE, BD_DIRECTION_IN, NULL, 0, &type, &found);
    if (answer == BD_ANSWERED && found)
        answer = bd_local_first(view, type.source, BD_COMPOSITION, BD_DIRECTION_IN, NULL, 0, &parent, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK) return bd_invoke(method, self, args, count, keywords);
    if (!found) Py_RETURN_NONE;
    bd_workspace_saw_edge(view->workspace, &parent);
    bd_idset_add(&view->nodes, parent.source);
    return bd_type_graph_new(view, parent.source);
}

/* -- attributes -------------------------------------------------------------------------------------------------------------- */

PyObject *bd_rule_get_name(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_rule *rule = BD_RULE(method);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX], *name = NULL;
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    bd_edge_object *edge = (bd_edge_object *)values[0];
    if (bd_workspace_check(edge->workspace) < 0 ||
        bd_guard_read(edge->workspace, BD_KIND_EDGE, edge->info.edge) < 0 || bd_edge_current(edge->workspace, &edge->info) < 0) return NULL;
    if ((edge->info.bits & BD_EDGE_TYPE_MASK) != rule->edge_type) {
        PyErr_SetString(PyExc_TypeError, rule->text);
        return NULL;
    }
    bd_answer answer = bd_local_edge_attribute(edge->workspace, edge->info.edge, "name", 4, &name);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK) return bd_invoke(method, self, args, count, keywords);
    if (PyUnicode_Check(name)) return name;
    Py_DECREF(name);
    if (rule->edge_type == BD_COMPOSITION) return PyUnicode_FromStringAndSize("", 0); /* the anonymous child's */
    Py_RETURN_NONE;
}

PyObject *bd_rule_get_node_text(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_rule *rule = BD_RULE(method);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX], *text = NULL;
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    const bd_bound_node_object *bound = (bd_bound_node_object *)values[0];
    if (bd_view_check(bound->view) < 0 || bd_guard_read(bound->view->workspace, BD_KIND_NODE, bound->node) < 0)
        return NULL;
    bd_answer answer = bd_local_node_attribute(bound->view->workspace, bound->node, rule->text, rule->text_bytes, &text);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ANSWERED && PyUnicode_Check(text)) return text;
    if (answer == BD_ANSWERED) Py_DECREF(text);
    return bd_invoke(method, self, args, count, keywords); /* which says what is wrong */
}

/* The parent of an operand edge's source. */
PyObject *bd_rule_get_expression(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    bd_bound_edge_object *edge = (bd_bound_edge_object *)values[0];
    bd_view *view = edge->view;
    bd_edge_info parent;
    bool found = false;
    if (bd_view_check(view) < 0 || bd_guard_read(view->workspace, BD_KIND_EDGE, edge->info.edge) < 0 ||
        bd_edge_current(view->workspace, &edge->info) < 0)
        return NULL;
    bool is_relative = bd_methods[method].parameter_count > 1;
    if (is_relative && ((bd_node_object *)values[1])->node == edge->info.source) Py_RETURN_NONE;
    bd_answer answer = bd_local_first(
        view, edge->info.source, BD_COMPOSITION, BD_DIRECTION_IN, NULL, 0, &parent, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK || !found) return bd_invoke(method, self, args, count, keywords);
    bd_workspace_saw_edge(view->workspace, &parent);
    return bd_node_new(view->workspace, parent.source);
}

/* -- visits -------------------------------------------------------------------------------------------------------------------- */

static void bd_rule_take_visitor(int method, PyObject *const *values, PyObject **function, PyObject **context) {
    const bd_method *declared = &bd_methods[method];
    *context = Py_None;
    for (int i = 0; i < declared->parameter_count; i++) {
        uint8_t type = bd_parameters[declared->first_parameter + i].type;
        if (type == BD_T_CALLABLE) *function = values[i];
        else if (type == BD_T_ANY && values[i]) *context = values[i];
    }
}

/* Asks the worker for a list, then calls the function for each of its values. */
PyObject *bd_rule_visit_values(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX], *function = NULL, *context = NULL;
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    bd_rule_take_visitor(method, values, &function, &context);
    PyObject *found = bd_invoke(method, self, args, count, keywords);
    Py_ssize_t length = found ? PyList_Size(found) : -1;
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *item = PyList_GetItem(found, i); /* the list is ours alone */
        PyObject *ignored = bd_call2(function, context, item);
        if (!ignored) length = -1;
        Py_XDECREF(ignored);
    }
    Py_XDECREF(found);
    if (length < 0) return NULL;
    Py_RETURN_NONE;
}

/* Keeps the edges for which `fits` says so. */
typedef bd_answer (*bd_rule_filter)(
    const bd_rule *rule, const bd_rule_question *question, const bd_arena_edge *edge, bool *fits);

static PyObject *bd_rule_visit_filtered(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords, bd_rule_filter filter) {
    const bd_rule *rule = BD_RULE(method);
    bd_rule_question question = {0};
    PyObject *function = NULL, *context = NULL;
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    bd_rule_take_visitor(method, question.values, &function, &context);
    bd_view *view = question.view;
    bd_visit visit = {.view = view};
    bd_arena_list *list = &visit.found;
    bd_answer answer = bd_local_visit(view, question.node, rule->edge_type, bd_rule_direction(rule), list);
    size_t kept = 0;
    for (size_t i = 0; answer == BD_ANSWERED && i < list->count; i++) {
        bool fits;
        answer = filter(rule, &question, &list->edges[i], &fits);
        if (answer == BD_ANSWERED && fits) list->edges[kept++] = list->edges[i];
    }
    if (answer == BD_ANSWERED) {
        list->count = kept;
        return bd_visit_run(&visit, function, context);
    }
    bd_local_visit_done(view->workspace, list);
    return answer == BD_ASK ? bd_rule_visit_values(method, self, args, count, keywords) : NULL;
}

PyObject *bd_rule_visit(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    return bd_rule_visit_filtered(method, self, args, count, keywords, bd_rule_fits);
}

/* Whether the edge's expression is an instance of the type that the method names. */
static bd_answer bd_rule_has_expression_of_type(
    const bd_rule *rule, const bd_rule_question *question, const bd_arena_edge *edge, bool *fits) {
    (void)rule;
    bd_edge_info parent;
    bool found;
    bd_answer answer = bd_local_first(
        question->view, edge->source, BD_COMPOSITION, BD_DIRECTION_IN, NULL, 0, &parent, &found);
    if (answer != BD_ANSWERED) return answer;
    if (!found) return BD_ASK; /* no expression: the worker says what is wrong */
    return bd_rule_is_typed(question->view, parent.source, ((bd_node_object *)question->values[1])->node, fits);
}

PyObject *bd_rule_visit_expressions(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    return bd_rule_visit_filtered(method, self, args, count, keywords, bd_rule_has_expression_of_type);
}
