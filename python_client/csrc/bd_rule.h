/* What the two files of reading rules share: a question (which node, which edges fit), and the first answer to it.
 * bd_rule_read.c answers with the first edge that fits, bd_rule_visit.c with all of them.
 */
#ifndef BD_RULE_H
#define BD_RULE_H

#include "bd_local.h"

#define BD_RULE(method) (&bd_methods[method].rule)
#define BD_COMPOSITION 130u
#define BD_EDGE_TYPE 0u
#define BD_TRAIT 34u

/* What a method is asked of: a node in a view, and what edges must fit. */
typedef struct bd_rule_question {
    bd_view *view;
    uint32_t node;
    const char *name; /* BD_MATCH_NAME, BD_MATCH_TEXT */
    size_t name_bytes;
    uint32_t type;    /* BD_MATCH_INSTANCE, BD_MATCH_OTHER_INSTANCE: the node that is the type */
    bool must_ask;    /* something about an argument is for bd_invoke to refuse */
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
} bd_rule_question;

static inline bd_direction bd_rule_direction(const bd_rule *rule) {
    return rule->side == BD_SIDE_OUTGOING ? BD_DIRECTION_OUT
           : rule->side == BD_SIDE_INCOMING ? BD_DIRECTION_IN : BD_DIRECTION_ANY;
}

int bd_rule_ask(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
    bd_rule_question *question);
/* From the node to the child that the rule's edges are at. *found: there is one, or the rule means the node itself. */
bd_answer bd_rule_go_via(const bd_rule *rule, bd_rule_question *question, bool *found);
bd_answer bd_rule_fits(
    const bd_rule *rule, const bd_rule_question *question, const bd_arena_edge *edge, bool *fits);
/* Whether the node's first type edge comes from that type. */
bd_answer bd_rule_is_typed(bd_view *view, uint32_t node, uint32_t type, bool *is_typed);
/* A handle of what the rule wants of an edge that was found. */
PyObject *bd_rule_wanted(const bd_rule *rule, bd_view *view, const bd_edge_info *info);

#endif
