/* Calling a Python function with two arguments, as each step of a visit does. Vectorcall entered the stable ABI with 3.12,
 * but 3.11 has the same function: it is used where the interpreter exports it. Cost: 5 ns less than the way through varargs.
 */
#ifndef BD_CALL_H
#define BD_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if Py_LIMITED_API + 0 < 0x030C0000
extern PyObject *PyObject_Vectorcall(PyObject *, PyObject *const *, size_t, PyObject *) __attribute__((weak));
#endif

/* New reference, or NULL with an exception. */
static inline PyObject *bd_call2(PyObject *function, PyObject *first, PyObject *second) {
    PyObject *arguments[3] = {NULL, first, second}; /* the callee may use the slot in front */
    const size_t offset = (size_t)1 << (8 * sizeof(size_t) - 1); /* PY_VECTORCALL_ARGUMENTS_OFFSET */
    if (PyObject_Vectorcall) return PyObject_Vectorcall(function, arguments + 1, 2 | offset, NULL);
    return PyObject_CallFunctionObjArgs(function, first, second, NULL);
}

#endif
