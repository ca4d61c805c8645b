/* replies.py in libFuzzer: an interpreter in this process, and the extension that was built for it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "fuzz.h"

static PyObject *one;

static void fail(const char *what) {
    fprintf(stderr, "fuzz: %s\n", what);
    PyErr_Print();
    abort();
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count, (void)arguments;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0; /* libFuzzer has its own */
    PyStatus status = PyConfig_SetBytesString(&config, &config.executable, getenv("BINDD_FUZZ_PYTHON"));
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
    PyObject *module = PyImport_ImportModule("replies");
    one = module ? PyObject_GetAttrString(module, "one") : NULL;
    if (!one) fail("replies.py cannot be imported");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    PyObject *result = PyObject_CallFunction(one, "y#", (const char *)data, (Py_ssize_t)size);
    if (!result) fail("an exception that no program expects");
    Py_DECREF(result);
    return 0;
}
