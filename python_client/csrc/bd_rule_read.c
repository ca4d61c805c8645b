/* The methods of edge kinds and types that read the graph: the first edge at a node that fits, an attribute. Visits are in
 * bd_rule_visit.c. One function for each way of reading; the facts are in the table (EdgeRule.swift), and the method's number
 * says which. What the arena can answer is answered from it (bd_local.h), the rest by the method's own query, which answers
 * the same.
 * Cost: 60-120 ns from the arena, one round trip else.
 */
#include "bd_batch.h"
#include "bd_handle.h"
#include "bd_rule.h"

/* The node that is the type. One of another workspace or in a view that is gone is refused by bd_invoke. */
static void bd_rule_take_type(bd_rule_question *question, PyObject *value, bool is_bound) {
    bd_workspace *workspace = question->view->workspace;
    const bd_bound_node_object *bound = (bd_bound_node_object *)value;
    const bd_node_object *node = (bd_node_object *)value;
    question->type = is_bound ? bound->node : node->node;
    question->must_ask |= (is_bound ? bound->view->workspace : node->workspace) != workspace ||
                          (is_bound && bound->view->is_destroyed) || workspace->guarded;
}

static inline bool bd_rule_wants_type(const bd_rule *rule) {
    return rule->match == BD_MATCH_INSTANCE || rule->match == BD_MATCH_OTHER_INSTANCE;
}

int bd_rule_ask(
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
    } else if (bd_rule_wants_type(rule) && !PyList_Check(second)) {
        bd_rule_take_type(question, second, bd_parameters[declared->first_parameter + 1].type == BD_T_BOUND_NODE);
    }
    if (declared->self_type == BD_T_TYPE_GRAPH) bd_type_graph_use(self);
    if (bd_view_check(bound->view) < 0) return -1;
    bd_workspace *workspace = bound->view->workspace;
    bool is_fit = bd_guard_read(workspace, BD_KIND_VIEW, bound->view->index) == 0 &&
                  bd_guard_read(workspace, BD_KIND_NODE, bound->node) == 0;
    return is_fit ? 0 : -1;
}

/* -- does an edge fit? ---------------------------------------------------------------------------------------------------- */

bd_answer bd_rule_is_typed(bd_view *view, uint32_t node, uint32_t type, bool *is_typed) {
    bd_edge_info info;
    bool found;
    bd_answer answer = bd_local_first(view, node, BD_EDGE_TYPE, BD_DIRECTION_IN, NULL, 0, &info, &found);
    if (answer == BD_ANSWERED) *is_typed = found && info.bits & BD_EDGE_DIRECTIONAL && info.source == type;
    return answer;
}

bd_answer bd_rule_fits(
    const bd_rule *rule, const bd_rule_question *question, const bd_arena_edge *edge, bool *fits) {
    *fits = true;
    switch (rule->match) {
        case BD_MATCH_OTHER_INSTANCE:
            *fits = edge->target != question->node;
            if (!*fits) return BD_ANSWERED;
            return bd_rule_is_typed(question->view, edge->target, question->type, fits);
        case BD_MATCH_OTHER: *fits = edge->target != question->node; return BD_ANSWERED;
        case BD_MATCH_INSTANCE: return bd_rule_is_typed(question->view, edge->target, question->type, fits);
        case BD_MATCH_NAME:
        case BD_MATCH_TEXT:
            return bd_local_edge_is_named(
                question->view->workspace, edge->edge, question->name, question->name_bytes, fits);
        default: return BD_ANSWERED;
    }
}

bd_answer bd_rule_go_via(const bd_rule *rule, bd_rule_question *question, bool *found) {
    *found = true;
    if (question->must_ask) return BD_ASK;
    if (!rule->via) return BD_ANSWERED;
    bd_edge_info info;
    bd_answer answer = bd_local_first(
        question->view, question->node, BD_COMPOSITION, BD_DIRECTION_OUT, rule->via, rule->via_bytes, &info, found);
    if (answer == BD_ANSWERED && *found) question->node = info.target;
    return answer;
}

/* -- the first edge -------------------------------------------------------------------------------------------------------- */

static bd_answer bd_rule_find(
    const bd_rule *rule, const bd_rule_question *question, bd_edge_info *info, bool *found) {
    bd_view *view = question->view;
    bd_direction direction = bd_rule_direction(rule);
    if (!bd_rule_wants_type(rule) && rule->match != BD_MATCH_OTHER) {
        bd_answer answer = bd_local_first(
            view, question->node, rule->edge_type, direction, question->name, question->name_bytes, info, found);
        if (answer != BD_ANSWERED || !*found || !rule->is_directional || info->bits & BD_EDGE_DIRECTIONAL) return answer;
        return BD_ASK; /* the first one is none of those that count: rare */
    }
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

PyObject *bd_rule_wanted(const bd_rule *rule, bd_view *view, const bd_edge_info *info) {
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
    bd_answer answer = bd_rule_go_via(BD_RULE(method), &question, &found);
    if (answer == BD_ANSWERED && found) answer = bd_rule_find(BD_RULE(method), &question, &info, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK) return bd_invoke(method, self, args, count, keywords);
    if (!found) Py_RETURN_NONE;
    return bd_rule_wanted(BD_RULE(method), question.view, &info);
}

/* The first edge for each of a list of types: a list. */
PyObject *bd_rule_first_of_each(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_rule *rule = BD_RULE(method);
    bd_rule_question question = {0};
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    PyObject *types = question.values[1];
    PyTypeObject *bound_node = question.view->workspace->state->types[BD_KIND_BOUND_NODE];
    PyObject *list = PyList_Check(types) ? PyList_New(0) : NULL;
    bd_answer answer = list || PyErr_Occurred() ? BD_ANSWERED : BD_ASK;
    for (Py_ssize_t i = 0; list && answer == BD_ANSWERED && i < PyList_Size(types); i++) {
        PyObject *type = PyList_GetItem(types, i);
        bd_edge_info info;
        bool found = false;
        question.must_ask |= Py_TYPE(type) != bound_node;
        if (!question.must_ask) bd_rule_take_type(&question, type, true);
        answer = question.must_ask ? BD_ASK : bd_rule_find(rule, &question, &info, &found);
        if (answer != BD_ANSWERED) break;
        PyObject *item = found ? bd_rule_wanted(rule, question.view, &info) : Py_NewRef(Py_None);
        if (!item || PyList_Append(list, item) < 0) answer = BD_FAILED;
        Py_XDECREF(item);
    }
    if (list && answer == BD_ANSWERED) return list;
    Py_XDECREF(list);
    return answer == BD_ASK ? bd_invoke(method, self, args, count, keywords) : NULL;
}

PyObject *bd_rule_is_instance_of(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_rule_question question = {0};
    bool is_typed = false;
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    bd_rule_take_type(&question, question.values[1], false);
    bd_answer answer = BD_ASK;
    if (!question.must_ask) answer = bd_rule_is_typed(question.view, question.node, question.type, &is_typed);
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
    const bd_node_object *node = bd_methods[method].parameter_count > 1 ? (bd_node_object *)values[1] : NULL;
    if (node && node->workspace != view->workspace) return bd_invoke(method, self, args, count, keywords);
    if (node && node->node == edge->info.source) Py_RETURN_NONE;
    bd_answer answer = bd_local_first(
        view, edge->info.source, BD_COMPOSITION, BD_DIRECTION_IN, NULL, 0, &parent, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK || !found) return bd_invoke(method, self, args, count, keywords);
    bd_workspace_saw_edge(view->workspace, &parent);
    return bd_node_new(view->workspace, parent.source);
}
