/* The methods that call a function of the user's for what they find: edges that fit, owners of instances. What is called for
 * is settled before the first call, so that the function may change the graph. From the arena where it can answer, else
 * the method's own query, which answers the same. Cost: that of the reads and of the calls.
 */
#include "bd_batch.h"
#include "bd_call.h"
#include "bd_handle.h"
#include "bd_rule.h"

static void bd_rule_take_visitor(int method, PyObject *const *values, PyObject **function, PyObject **context) {
    const bd_method *declared = &bd_methods[method];
    *context = Py_None;
    for (int i = 0; i < declared->parameter_count; i++) {
        uint8_t type = bd_parameters[declared->first_parameter + i].type;
        if (type == BD_T_CALLABLE) *function = values[i];
        else if (type == BD_T_ANY && values[i]) *context = values[i];
    }
}

/* Calls the function for each value of a list, which is taken over; NULL: there is an exception. */
static PyObject *bd_rule_call_each(PyObject *found, PyObject *function, PyObject *context) {
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

/* Asks the worker for the list. */
static PyObject *bd_rule_visit_asked(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX], *function = NULL, *context = NULL;
    if (bd_arguments_take(bd_state_of(self), method, args, count, keywords, values) < 0) return NULL;
    bd_rule_take_visitor(method, values, &function, &context);
    return bd_rule_call_each(bd_invoke(method, self, args, count, keywords), function, context);
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
    bool found = true;
    bd_answer answer = bd_rule_go_via(rule, &question, &found);
    if (answer != BD_ANSWERED || !found) /* without that child the worker says what is wrong */
        return answer == BD_FAILED ? NULL : bd_rule_visit_asked(method, self, args, count, keywords);
    answer = bd_local_visit(view, question.node, rule->edge_type, bd_rule_direction(rule), list);
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
    return answer == BD_ASK ? bd_rule_visit_asked(method, self, args, count, keywords) : NULL;
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
    return bd_rule_is_typed(question->view, parent.source, question->type, fits);
}

PyObject *bd_rule_visit_expressions(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    return bd_rule_visit_filtered(method, self, args, count, keywords, bd_rule_has_expression_of_type);
}

/* The owners of a type's instances: the source of the first trait edge into each, in order of instances. */
PyObject *bd_rule_visit_owners(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const bd_rule *rule = BD_RULE(method);
    static const bd_rule owner = {.want = BD_WANT_BOUND_SOURCE};
    bd_rule_question question = {0};
    PyObject *function = NULL, *context = NULL;
    if (bd_rule_ask(method, self, args, count, keywords, &question) < 0) return NULL;
    bd_rule_take_visitor(method, question.values, &function, &context);
    bd_view *view = question.view;
    bd_arena_list list;
    PyObject *owners = PyList_New(0);
    bd_answer answer = bd_local_visit(view, question.node, rule->edge_type, bd_rule_direction(rule), &list);
    for (size_t i = 0; owners && answer == BD_ANSWERED && i < list.count; i++) {
        bd_edge_info info;
        bool found;
        answer = bd_local_first(view, list.edges[i].target, BD_TRAIT, BD_DIRECTION_IN, NULL, 0, &info, &found);
        if (answer != BD_ANSWERED || !found) continue;
        PyObject *item = bd_rule_wanted(&owner, view, &info);
        if (!item || PyList_Append(owners, item) < 0) answer = BD_FAILED;
        Py_XDECREF(item);
    }
    bd_local_visit_done(view->workspace, &list);
    if (owners && answer == BD_ANSWERED) return bd_rule_call_each(owners, function, context);
    bool is_asked = owners && answer == BD_ASK;
    Py_XDECREF(owners);
    return is_asked ? bd_rule_visit_asked(method, self, args, count, keywords) : NULL;
}
