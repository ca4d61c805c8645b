/* Values of KiCad fields between Python and documents. Converting from Python may run any Python code (__float__, an
 * iterator): it ends before a document is looked at, its result is a cell. Conversions follow the replaced layer where a
 * program can rely on them: any object is a bool, a str is an enum's word, a copy is made of structs.
 */
#include "bd_typed.h"

#include <math.h>
#include <stdlib.h>

#define BD_SEEN_WORDS_MAX 10000 /* KiCad has some hundred words in all: a process that saw more reads something else */

/* -- to Python ------------------------------------------------------------------------------------------------------------- */

static PyObject *bd_typed_read_word(bd_typed *document, const bd_struct_field *field, uint8_t tag, uint64_t value) {
    const char *text;
    size_t bytes;
    if (tag == BD_TAG_OBJECT) return Py_NewRef((PyObject *)(uintptr_t)value);
    if (!bd_typed_text(document, tag, value, &text, &bytes)) return NULL;
    PyObject *word = PyUnicode_DecodeUTF8(text, (Py_ssize_t)bytes, "surrogateescape");
    if (!word || field->kind != BD_FIELD_ENUM || PySet_Size(document->state->kicad->seen_words) >= BD_SEEN_WORDS_MAX)
        return word;
    /* A word that the models do not know: what was read can be given to a constructor. */
    PyObject *key = Py_BuildValue("iO", (int)field->of, word);
    if (!key || PySet_Add(document->state->kicad->seen_words, key) < 0) Py_CLEAR(word);
    Py_XDECREF(key);
    return word;
}

PyObject *bd_typed_read(bd_typed *document, const bd_struct_field *field, uint8_t tag, uint64_t value) {
    double real;
    switch (tag) {
        case BD_TAG_NONE:
            if (field->flags & BD_FIELD_LIST) break;
            Py_RETURN_NONE;
        case BD_TAG_FLOAT:
            if (field->kind != BD_FIELD_FLOAT && field->kind != BD_FIELD_NUMBER) break;
            memcpy(&real, &value, sizeof real);
            return PyFloat_FromDouble(real);
        case BD_TAG_STRING:
        case BD_TAG_OBJECT:
            if (field->kind != BD_FIELD_STR && field->kind != BD_FIELD_ENUM) break;
            return bd_typed_read_word(document, field, tag, value);
        case BD_TAG_RECORD:
            if (field->kind != BD_FIELD_STRUCT) break;
            if (bd_typed_is(document, value, field->of) < 0) return NULL;
            return bd_struct_object_new(document, (uint32_t)value, field->of);
        case BD_TAG_ENUM:
            if (field->kind != BD_FIELD_ENUM || value >= bd_enums[field->of].member_count) break;
            return Py_NewRef(document->state->kicad->member_names[bd_enums[field->of].first_member + value]);
        case BD_TAG_BOOL:
            if (field->kind != BD_FIELD_BOOL || value > 1) break;
            return PyBool_FromLong((long)value);
        case BD_TAG_INT:
            if (field->kind != BD_FIELD_INT && field->kind != BD_FIELD_NUMBER) break;
            return PyLong_FromLongLong((long long)value);
        default:
            break;
    }
    bd_typed_fail("a value of another kind than its field's");
    return NULL;
}

/* -- from Python ------------------------------------------------------------------------------------------------------------- */

void bd_cell_drop(bd_cell *cell) {
    uint8_t tag = cell->tag;
    cell->tag = BD_TAG_NONE;
    if (tag == BD_TAG_OBJECT || tag == BD_TAG_HANDLE) Py_DECREF((PyObject *)(uintptr_t)cell->value);
    if (tag == BD_TAG_CELLS) bd_cells_drop((bd_cells *)(uintptr_t)cell->value);
}

void bd_cells_drop(bd_cells *cells) {
    if (!cells) return;
    for (uint32_t i = 0; i < cells->count; i++) bd_cell_drop(&cells->items[i]);
    free(cells);
}

static int bd_cell_wrong(const bd_struct_field *field, const char *wanted, PyObject *value) {
    PyObject *type_name = PyObject_GetAttrString((PyObject *)Py_TYPE(value), "__name__");
    if (type_name)
        PyErr_Format(PyExc_TypeError, "%s must be %s, not %U", field->name, wanted, type_name);
    Py_XDECREF(type_name);
    return -1;
}

/* An exact str: UTF-8 without NUL, which no KiCad file can hold. */
static int bd_cell_take_str(const bd_struct_field *field, PyObject *value, bd_cell *cell) {
    if (!PyUnicode_Check(value)) return bd_cell_wrong(field, "a str", value);
    Py_ssize_t bytes;
    const char *text = PyUnicode_AsUTF8AndSize(value, &bytes);
    if (!text) return -1;
    if (memchr(text, 0, (size_t)bytes)) {
        PyErr_Format(PyExc_ValueError, "%s: a NUL character cannot stand in a KiCad file", field->name);
        return -1;
    }
    PyObject *exact = PyUnicode_CheckExact(value) ? Py_NewRef(value) : PyUnicode_FromStringAndSize(text, bytes);
    if (!exact) return -1;
    *cell = (bd_cell){(uint64_t)(uintptr_t)exact, BD_TAG_OBJECT};
    return 0;
}

static int bd_cell_take_int(const bd_struct_field *field, PyObject *value, bd_cell *cell) {
    int64_t number;
    if (!PyIndex_Check(value)) return bd_cell_wrong(field, "an int", value);
    PyObject *index = PyNumber_Index(value);
    if (!index) return -1;
    int overflow;
    number = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (number == -1 && !overflow && PyErr_Occurred()) return -1;
    if (overflow || number < INT32_MIN || number > INT32_MAX) {
        PyErr_Format(PyExc_OverflowError, "%s must be between -2147483648 and 2147483647", field->name);
        return -1;
    }
    *cell = (bd_cell){(uint64_t)number, BD_TAG_INT};
    return 0;
}

/* To the nearest whole number, halves away from zero; of what has less than 63 bits. (The extension is not linked with libm.) */
static double bd_round_away(double number) {
    double whole = (double)(int64_t)number, rest = fabs(number - whole);
    return copysign(fabs(whole) + (rest >= 0.5 ? 1 : 0), number);
}

/* With the digits that a file holds, so that the number is what a fresh load of the saved file says: as NumberText.swift
 * writes it. Not of lengths beyond 200 km: what those lose is no more than a double does. */
static double bd_round_decimals(double number, bool has_six) {
    if (fabs(number * 1e7) >= 2e15) return number;
    double near = bd_round_away(number * 1e7) / 1e7, six = has_six ? bd_round_away(number * 1e6) / 1e6 : near;
    return six == bd_round_away(six) ? near : six; /* one that is nearly whole is written 12.000000, a whole one 12 */
}

static int bd_cell_take_float(const bd_struct_field *field, PyObject *value, bd_cell *cell) {
    double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) && !PyFloat_Check(value)) {
            PyErr_Clear();
            return bd_cell_wrong(field, "a real number", value);
        }
        return -1;
    }
    if (!isfinite(number)) {
        PyErr_Format(PyExc_ValueError, "%s must be finite: a KiCad file cannot hold %R", field->name, value);
        return -1;
    }
    number = bd_round_decimals(number, field->flags & BD_FIELD_SIX_DECIMALS);
    cell->tag = BD_TAG_FLOAT;
    memcpy(&cell->value, &number, sizeof number);
    return 0;
}

static int bd_cell_take_enum(bd_state *state, const bd_struct_field *field, PyObject *value, bd_cell *cell) {
    const bd_enum_type *type = &bd_enums[field->of];
    const bd_enum_member *members = &bd_members[type->first_member];
    if (type->is_integer && PyLong_Check(value) && !PyBool_Check(value)) {
        int overflow;
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        for (uint32_t i = 0; i < type->member_count && !overflow; i++) {
            if (members[i].value != number) continue;
            *cell = (bd_cell){i, BD_TAG_ENUM};
            return 0;
        }
        PyErr_Format(PyExc_ValueError, "Invalid enum value %R for %s (%s)", value, field->name, type->name);
        return -1;
    }
    if (!PyUnicode_Check(value)) return bd_cell_wrong(field, type->is_integer ? "a str or an int" : "a str", value);
    Py_ssize_t bytes;
    const char *text = PyUnicode_AsUTF8AndSize(value, &bytes);
    if (!text) return -1;
    for (uint32_t i = 0; i < type->member_count; i++) {
        if (strcmp(members[i].name, text) != 0 || strlen(text) != (size_t)bytes) continue;
        *cell = (bd_cell){i, BD_TAG_ENUM};
        return 0;
    }
    PyObject *key = Py_BuildValue("iO", (int)field->of, value);
    int is_seen = key ? PySet_Contains(state->kicad->seen_words, key) : -1;
    Py_XDECREF(key);
    if (is_seen < 0) return -1;
    if (is_seen) return bd_cell_take_str(field, value, cell);
    PyErr_Format(PyExc_ValueError, "Invalid enum value %R for %s (%s)", value, field->name, type->name);
    return -1;
}

static int bd_cell_take_struct(bd_state *state, const bd_struct_field *field, PyObject *value, bd_cell *cell) {
    if (!PyObject_TypeCheck(value, state->kicad->types[field->of])) {
        char wanted[96];
        PyObject *other = PyType_GetName(Py_TYPE(value)), *own = other ? PyType_GetName(state->kicad->types[field->of]) : NULL;
        int differs = own ? PyUnicode_Compare(other, own) : 1;
        Py_XDECREF(other);
        Py_XDECREF(own);
        if (!own) return -1;
        if (differs == 0) {
            PyErr_Format(
                PyExc_TypeError, "%s must be a %s of this bindd, not of another copy: the extension was loaded twice in this process",
                field->name, bd_structs[field->of].name);
            return -1;
        }
        PyOS_snprintf(wanted, sizeof wanted, "a %s", bd_structs[field->of].name);
        return bd_cell_wrong(field, wanted, value);
    }
    bd_struct_object *object = bd_struct(value);
    if (bd_typed_check(object->document) < 0 || bd_typed_is(object->document, object->record, field->of) < 0) return -1;
    *cell = (bd_cell){(uint64_t)(uintptr_t)Py_NewRef(value), BD_TAG_HANDLE};
    return 0;
}

int bd_cell_take(bd_state *state, const bd_struct_field *field, bool is_element, PyObject *value, bd_cell *cell) {
    *cell = (bd_cell){0, BD_TAG_NONE};
    if (field->flags & BD_FIELD_LIST && !is_element) {
        bd_cells *cells;
        if (bd_cells_take(state, field, value, &cells) < 0) return -1;
        *cell = (bd_cell){(uint64_t)(uintptr_t)cells, BD_TAG_CELLS};
        return 0;
    }
    if (value == Py_None && field->flags & BD_FIELD_OPTIONAL && !is_element) return 0;
    int is_true;
    switch (field->kind) {
        case BD_FIELD_INT: return bd_cell_take_int(field, value, cell);
        case BD_FIELD_FLOAT: return bd_cell_take_float(field, value, cell);
        case BD_FIELD_NUMBER:
            return PyIndex_Check(value) ? bd_cell_take_int(field, value, cell) : bd_cell_take_float(field, value, cell);
        case BD_FIELD_STR: return bd_cell_take_str(field, value, cell);
        case BD_FIELD_ENUM: return bd_cell_take_enum(state, field, value, cell);
        case BD_FIELD_STRUCT: return bd_cell_take_struct(state, field, value, cell);
        default:
            is_true = PyObject_IsTrue(value);
            if (is_true < 0) return -1;
            *cell = (bd_cell){(uint64_t)is_true, BD_TAG_BOOL};
            return 0;
    }
}

/* A sequence: what has a length and is indexed, as in the replaced layer. It is collected before anything is converted. */
int bd_cells_take(bd_state *state, const bd_struct_field *field, PyObject *values, bd_cells **out) {
    *out = NULL;
    if (!PySequence_Check(values) || PyDict_Check(values) || PyBytes_Check(values))
        return bd_cell_wrong(field, "a sequence", values);
    PyObject *items = PySequence_List(values);
    if (!items) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
        PyErr_Clear();
        return bd_cell_wrong(field, "a sequence", values);
    }
    Py_ssize_t count = PyList_Size(items);
    bd_cells *cells = count < INT32_MAX ? calloc(1, sizeof *cells + (size_t)count * sizeof(bd_cell)) : NULL;
    if (!cells) PyErr_NoMemory();
    int result = cells ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < count && i < PyList_Size(items); i++) {
        PyObject *item = Py_NewRef(PyList_GetItem(items, i));
        result = bd_cell_take(state, field, true, item, &cells->items[cells->count]);
        if (result == 0) cells->count++;
        Py_DECREF(item);
    }
    Py_DECREF(items);
    if (result < 0) bd_cells_drop(cells);
    else *out = cells;
    return result;
}
