/* Opening a workspace, its Python type, and the counters of all of them. */
#ifndef BD_OPEN_H
#define BD_OPEN_H

#include "bd_state.h"

typedef struct bd_open_options {
    int fd; /* connected, taken over in any case */
    const char *socket, *workspace, *program;
    double timeout, hang_limit, call_timeout;
    bool sync, debug;
    int sites;       /* of the handles that are written down, one of so many; 0: none */
    const char *own; /* folder of bindd's Python files */
} bd_open_options;

bd_workspace *bd_workspace_open(bd_state *state, const bd_open_options *options);
/* The hello of a session that goes on, over the connection's new socket. What the worker says of it, a dict; or NULL. */
PyObject *bd_workspace_resume(bd_workspace *workspace, const char *program);
int bd_workspace_type_add(PyObject *module, bd_state *state);
PyObject *bd_workspace_object_new(bd_workspace *workspace); /* takes the count over */
PyObject *bd_statistics_of(bd_state *state, const bd_workspace *only); /* NULL: of the whole process */

#endif
