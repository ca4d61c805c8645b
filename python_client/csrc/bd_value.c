/* Python values to payload and back. Conversions follow the specification of the replaced layer where that is what is
 * meant: bool before int, integers beyond 64 bits as floats, lone surrogates refused, NUL characters kept.
 */
#include "bd_state.h"

#define BD_BAD_LITERAL "Unsupported attribute literal"
#define BD_BAD_DYNAMIC "edge_attributes values must be bool, int, float, or str"

int bd_value_int(PyObject *value, int64_t *out) {
    PyObject *index = PyNumber_Index(value);
    if (!index) return -1;
    *out = PyLong_AsLongLong(index);
    Py_DECREF(index);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

int bd_value_u8(PyObject *value, uint32_t *out) {
    int64_t number;
    if (bd_value_int(value, &number) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
        PyErr_Clear();
        number = -1;
    }
    if (number < 0 || number > 255) {
        PyErr_SetString(PyExc_ValueError, "Edge type out of range");
        return -1;
    }
    *out = (uint32_t)number;
    return 0;
}

/* Borrowed from the object. TypeError with `message` for what is no text, lone surrogates included. */
const char *bd_value_str(PyObject *value, size_t *bytes, const char *message) {
    Py_ssize_t size = 0;
    const char *text = PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &size) : NULL;
    if (!text) {
        if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_MemoryError)) return NULL;
        PyErr_Clear();
        PyErr_SetString(PyExc_TypeError, message);
        return NULL;
    }
    *bytes = (size_t)size;
    return text;
}

static int bd_value_write_float(bd_writer *writer, PyObject *value, const char *message) {
    double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyErr_Clear();
            PyErr_SetString(PyExc_TypeError, message);
        }
        return -1;
    }
    bd_writer_u32(writer, BD_LITERAL_FLOAT);
    bd_writer_f64(writer, number);
    return 0;
}

static int bd_value_write_index(bd_writer *writer, PyObject *value, const char *message) {
    PyObject *index = PyNumber_Index(value);
    if (!index) return -1;
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(index, &overflow);
    int result = 0;
    if (overflow) {
        result = bd_value_write_float(writer, index, message);
    } else if (number == -1 && PyErr_Occurred()) {
        result = -1;
    } else {
        bd_writer_u32(writer, BD_LITERAL_INT);
        bd_writer_u64(writer, (uint64_t)number);
    }
    Py_DECREF(index);
    return result;
}

int bd_value_write_literal(bd_writer *writer, PyObject *value, const char *message) {
    if (value == Py_True || value == Py_False) {
        bd_writer_u32(writer, BD_LITERAL_BOOL);
        bd_writer_u32(writer, value == Py_True);
        return 0;
    }
    if (PyUnicode_Check(value)) {
        size_t bytes;
        const char *text = bd_value_str(value, &bytes, message);
        if (!text) return -1;
        bd_writer_u32(writer, BD_LITERAL_STR);
        bd_writer_str(writer, text, bytes);
        return 0;
    }
    if (PyFloat_Check(value)) return bd_value_write_float(writer, value, message);
    if (PyIndex_Check(value)) return bd_value_write_index(writer, value, message);
    return bd_value_write_float(writer, value, message);
}

int bd_value_write_dict(bd_writer *writer, PyObject *dict, bool has_name, uint32_t *written) {
    if (!dict || !PyDict_Check(dict)) return 0;
    PyObject *items = PyDict_Items(dict); /* a copy: converting values may run Python code */
    if (!items) return -1;
    Py_ssize_t count = PyList_Size(items);
    int result = 0;
    for (Py_ssize_t i = 0; i < count && result == 0; i++) {
        PyObject *item = PyList_GetItem(items, i);
        size_t bytes;
        const char *key = bd_value_str(PyTuple_GetItem(item, 0), &bytes, "Expected a string");
        if (key && has_name && bytes == 4 && memcmp(key, "name", 4) == 0) continue;
        if (key) bd_writer_str(writer, key, bytes);
        result = key ? bd_value_write_literal(writer, PyTuple_GetItem(item, 1), BD_BAD_DYNAMIC) : -1;
        ++*written;
    }
    Py_DECREF(items);
    return result;
}

int bd_value_write_keywords(
    bd_state *state, int method, bd_writer *writer, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
    const char *name, size_t name_bytes) {
    const bd_method *declared = &bd_methods[method];
    size_t count_at = writer->size;
    uint32_t written = 0;
    bd_writer_u32(writer, 0);
    if (name) {
        bd_writer_str(writer, "name", 4);
        bd_writer_u32(writer, BD_LITERAL_STR);
        bd_writer_str(writer, name, name_bytes);
        written++;
    }
    Py_ssize_t keyword_count = keywords ? PyTuple_Size(keywords) : 0;
    for (Py_ssize_t i = 0; i < keyword_count; i++) {
        PyObject *keyword = PyTuple_GetItem(keywords, i);
        int at = bd_arguments_match(state, declared, keyword);
        if (at >= 0 && bd_parameters[declared->first_parameter + at].type != BD_T_ATTRIBUTES) continue;
        size_t bytes;
        const char *text = bd_value_str(keyword, &bytes, "Expected a string");
        if (!text) return -1;
        bd_writer_str(writer, text, bytes);
        if (bd_value_write_literal(writer, args[count + i], BD_BAD_LITERAL) < 0) return -1;
        written++;
    }
    if (writer->failed) {
        PyErr_NoMemory();
        return -1;
    }
    bd_store_u32(writer->data + count_at, written);
    return 0;
}

/* -- reading: NULL with reader->bad (no exception) for broken bytes, NULL with an exception for anything else --------- */

PyObject *bd_value_read_str(bd_reader *reader) {
    size_t bytes;
    const char *text = bd_reader_str(reader, &bytes);
    if (!text) return NULL;
    PyObject *value = PyUnicode_DecodeUTF8(text, (Py_ssize_t)bytes, NULL);
    if (!value && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        reader->bad = true;
    }
    return value;
}

PyObject *bd_value_read_literal(bd_reader *reader) {
    switch (bd_reader_u32(reader)) {
        case BD_LITERAL_NONE:
            if (reader->bad) return NULL;
            Py_RETURN_NONE;
        case BD_LITERAL_INT: {
            uint64_t number = bd_reader_u64(reader);
            return reader->bad ? NULL : PyLong_FromLongLong((long long)number);
        }
        case BD_LITERAL_FLOAT: {
            double number = bd_reader_f64(reader);
            return reader->bad ? NULL : PyFloat_FromDouble(number);
        }
        case BD_LITERAL_BOOL: {
            uint32_t flag = bd_reader_u32(reader);
            return reader->bad ? NULL : PyBool_FromLong(flag != 0);
        }
        case BD_LITERAL_STR: return bd_value_read_str(reader);
        default: reader->bad = true; return NULL;
    }
}

PyObject *bd_value_read_attributes(bd_reader *reader) {
    uint32_t count = bd_reader_count(reader, 8);
    PyObject *attributes = reader->bad ? NULL : PyDict_New();
    for (uint32_t i = 0; attributes && i < count; i++) {
        PyObject *key = bd_value_read_str(reader);
        PyObject *value = key ? bd_value_read_literal(reader) : NULL;
        int is_known = value ? PyDict_Contains(attributes, key) : -1; /* the first of a name counts, as in get_attr */
        if (is_known < 0 || (!is_known && PyDict_SetItem(attributes, key, value) < 0)) Py_CLEAR(attributes);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return attributes;
}
