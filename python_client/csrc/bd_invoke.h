/* The payload of a call that the table describes, for those that send it another way than bd_invoke does. */
#ifndef BD_INVOKE_H
#define BD_INVOKE_H

#include "bd_state.h"

/* Checks the arguments and writes them; `values` as bd_arguments_take fills them. -1 with an exception. For methods of
 * handles. */
int bd_invoke_write(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords, PyObject **values,
    bd_writer *writer);

#endif
