/* MutableList: the live list behind a list field. It is bound to the field, not to its content: what is assigned to the
 * field shows through it. An iterator has the elements of the moment in which it began. Every operation that runs foreign
 * code (==, a key, an iterator) has looked at the list before, and looks again afterwards.
 * Cost: list[i] is one look and one handle; an edit moves what stands behind it.
 */
#include "bd_typed.h"

#include <stdlib.h>

#define BD_DOC(signature, text) signature "\n--\n\n" text

typedef struct bd_list_iterator {
    PyObject_HEAD
    bd_typed *document;
    bd_own_list *own;      /* counted; NULL: in the block */
    size_t offset;         /* first slot, when in the block */
    uint32_t at, count, field;
} bd_list_iterator;

static inline bd_list_object *bd_list(PyObject *object) { return (bd_list_object *)object; }
static inline const bd_struct_field *bd_list_field(PyObject *self) { return &bd_struct_fields[bd_list(self)->field]; }

PyObject *bd_list_object_new(bd_typed *document, uint32_t record, uint32_t field) {
    _Static_assert(sizeof(bd_list_object) == sizeof(bd_struct_object), "they share memory");
    bd_list_object *self = bd_spare_take(document->state->kicad, document->state->kicad->list);
    if (!self) return NULL;
    self->document = document;
    self->record = record;
    self->field = field;
    bd_typed_retain(document);
    bd_typed_look(document, record);
    return (PyObject *)self;
}

static void bd_list_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    bd_typed *document = bd_list(self)->document;
    bd_kicad *kicad = document->state->kicad; /* the type holds the module */
    bd_typed_look_away(document, bd_list(self)->record);
    bd_typed_release(document);
    if (!bd_spare_keep(kicad, self)) PyObject_Free(self);
    Py_DECREF(type);
}

static bd_place bd_list_place(PyObject *self) {
    bd_typed *document = bd_list(self)->document;
    uint32_t type = bd_typed_type(document, bd_list(self)->record);
    return bd_typed_place(document, bd_list(self)->record, bd_list(self)->field - bd_structs[type].first_field);
}

static int bd_list_span(PyObject *self, bd_span *span) {
    if (bd_typed_check(bd_list(self)->document) < 0) return -1;
    bd_place place = bd_list_place(self);
    return bd_typed_span(bd_list(self)->document, &place, span);
}

static Py_ssize_t bd_list_length(PyObject *self) {
    bd_span span;
    return bd_list_span(self, &span) < 0 ? -1 : (Py_ssize_t)span.count;
}

/* As bd_typed_read, shorter for what most lists are of. */
static inline PyObject *bd_list_element(bd_typed *document, const bd_struct_field *field, uint8_t tag, uint64_t value) {
    if (tag != BD_TAG_RECORD || field->kind != BD_FIELD_STRUCT) return bd_typed_read(document, field, tag, value);
    return bd_typed_is(document, value, field->of) < 0 ? NULL : bd_struct_object_new(document, (uint32_t)value, field->of);
}

static PyObject *bd_list_at(PyObject *self, const bd_span *span, uint32_t index) {
    uint64_t value = bd_load_u64(span->slots + (size_t)index * 8);
    return bd_list_element(bd_list(self)->document, bd_list_field(self), span->tags[index], value);
}

static PyObject *bd_list_item(PyObject *self, Py_ssize_t index) {
    bd_span span;
    if (bd_list_span(self, &span) < 0) return NULL;
    if (index >= 0 && index < (Py_ssize_t)span.count) return bd_list_at(self, &span, (uint32_t)index);
    PyErr_SetString(PyExc_IndexError, "list index out of range");
    return NULL;
}

/* All elements, as a plain list. */
static PyObject *bd_list_all(PyObject *self) {
    bd_span span;
    if (bd_list_span(self, &span) < 0) return NULL;
    PyObject *items = PyList_New((Py_ssize_t)span.count);
    for (uint32_t i = 0; items && i < span.count; i++) {
        PyObject *item = bd_list_at(self, &span, i);
        if (!item || PyList_SetItem(items, (Py_ssize_t)i, item) < 0) Py_CLEAR(items);
    }
    return items;
}

static Py_ssize_t bd_list_index_of(PyObject *key, Py_ssize_t length) {
    Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) return -1;
    if (index < 0) index += length;
    if (index >= 0 && index < length) return index;
    PyErr_SetString(PyExc_IndexError, "list index out of range");
    return -1;
}

static PyObject *bd_list_subscript(PyObject *self, PyObject *key) {
    bd_span span;
    if (PySlice_Check(key)) {
        Py_ssize_t start, stop, step;
        if (PySlice_Unpack(key, &start, &stop, &step) < 0 || bd_list_span(self, &span) < 0) return NULL;
        Py_ssize_t count = PySlice_AdjustIndices((Py_ssize_t)span.count, &start, &stop, step);
        PyObject *items = PyList_New(count);
        for (Py_ssize_t i = 0; items && i < count; i++) {
            PyObject *item = bd_list_at(self, &span, (uint32_t)(start + i * step));
            if (!item || PyList_SetItem(items, i, item) < 0) Py_CLEAR(items);
        }
        return items;
    }
    bool is_int = PyLong_CheckExact(key); /* the shortest way for list[i] */
    if (!is_int && !PyIndex_Check(key)) {
        PyErr_SetString(PyExc_TypeError, "list indices must be integers or slices");
        return NULL;
    }
    Py_ssize_t index = is_int ? PyLong_AsSsize_t(key) : PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) {
        if (!is_int) return NULL;
        PyErr_Clear();
        PyNumber_AsSsize_t(key, PyExc_IndexError); /* says what does not fit */
        return NULL;
    }
    if (bd_list_span(self, &span) < 0) return NULL;
    if (index < 0) index += (Py_ssize_t)span.count;
    if (index >= 0 && index < (Py_ssize_t)span.count) return bd_list_at(self, &span, (uint32_t)index);
    PyErr_SetString(PyExc_IndexError, "list index out of range");
    return NULL;
}

/* -- changing --------------------------------------------------------------------------------------------------------------- */

static int bd_list_splice(PyObject *self, Py_ssize_t start, Py_ssize_t removed, bd_cells *cells) {
    bd_list_object *list = bd_list(self);
    if (bd_typed_check(list->document) < 0) return -1;
    bd_typed_retain(list->document);
    int result = bd_typed_splice(
        list->document, list->record, bd_list_field(self), (uint32_t)start, (uint32_t)removed, cells);
    bd_typed_release(list->document);
    return result;
}

static bd_cells *bd_list_one(PyObject *self, PyObject *value) {
    bd_cells *cells = calloc(1, sizeof *cells + sizeof(bd_cell));
    if (!cells) {
        PyErr_NoMemory();
        return NULL;
    }
    if (bd_cell_take(bd_list(self)->document->state, bd_list_field(self), true, value, &cells->items[0]) < 0) {
        free(cells);
        return NULL;
    }
    cells->count = 1;
    return cells;
}

/* Index -1 and below: behind the last, as programs for the replaced layer expect of insert(-1, x). */
static int bd_list_put(PyObject *self, Py_ssize_t index, PyObject *value) {
    bd_cells *cells = bd_list_one(self, value);
    Py_ssize_t length = cells ? bd_list_length(self) : -1;
    int result = length < 0 ? -1 : bd_list_splice(self, index < 0 || index > length ? length : index, 0, cells);
    bd_cells_drop(cells);
    return result;
}

static PyObject *bd_list_append(PyObject *self, PyObject *value) {
    return bd_list_put(self, -1, value) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *bd_list_insert(PyObject *self, PyObject *args) {
    Py_ssize_t index;
    PyObject *value;
    if (!PyArg_ParseTuple(args, "nO:insert", &index, &value)) return NULL;
    return bd_list_put(self, index, value) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *bd_list_extend(PyObject *self, PyObject *values) {
    bd_cells *cells = NULL;
    PyObject *items = PySequence_List(values);
    int result = items ? bd_cells_take(bd_list(self)->document->state, bd_list_field(self), items, &cells) : -1;
    Py_XDECREF(items);
    Py_ssize_t length = result < 0 ? -1 : bd_list_length(self);
    result = length < 0 ? -1 : bd_list_splice(self, length, 0, cells);
    bd_cells_drop(cells);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *bd_list_inplace_add(PyObject *self, PyObject *values) {
    PyObject *done = bd_list_extend(self, values);
    if (!done) return NULL;
    Py_DECREF(done);
    return Py_NewRef(self);
}

static PyObject *bd_list_pop(PyObject *self, PyObject *args) {
    Py_ssize_t index = -1, length;
    if (!PyArg_ParseTuple(args, "|n:pop", &index) || (length = bd_list_length(self)) < 0) return NULL;
    if (index < 0) index += length;
    if (index < 0 || index >= length) {
        PyErr_SetString(PyExc_IndexError, length ? "pop index out of range" : "pop from empty list");
        return NULL;
    }
    PyObject *item = bd_list_item(self, index);
    if (item && bd_list_splice(self, index, 1, NULL) < 0) Py_CLEAR(item);
    return item;
}

static PyObject *bd_list_clear(PyObject *self, PyObject *ignored) {
    (void)ignored;
    Py_ssize_t length = bd_list_length(self);
    return length < 0 || bd_list_splice(self, 0, length, NULL) < 0 ? NULL : Py_NewRef(Py_None);
}

/* First the same object, then an equal one. -1 when there is none, -2 with an exception. */
static Py_ssize_t bd_list_find(PyObject *self, PyObject *value, Py_ssize_t start, Py_ssize_t stop) {
    bd_span span;
    bd_typed *document = bd_list(self)->document;
    if (bd_list_span(self, &span) < 0) return -2;
    if (bd_list_field(self)->kind == BD_FIELD_STRUCT) {
        if (!bd_struct_check(document->state, value) || bd_struct(value)->document != document) return -1;
        for (Py_ssize_t i = start; i < stop && i < (Py_ssize_t)span.count; i++)
            if (span.tags[i] == BD_TAG_RECORD && bd_load_u64(span.slots + (size_t)i * 8) == bd_struct(value)->record) return i;
        return -1;
    }
    for (Py_ssize_t i = start; i < stop; i++) {
        if (bd_list_span(self, &span) < 0) return -2;
        if (i >= (Py_ssize_t)span.count) break;
        PyObject *item = bd_list_at(self, &span, (uint32_t)i);
        int is_equal = item ? PyObject_RichCompareBool(item, value, Py_EQ) : -1;
        Py_XDECREF(item);
        if (is_equal) return is_equal < 0 ? -2 : i;
    }
    return -1;
}

static PyObject *bd_list_remove(PyObject *self, PyObject *value) {
    Py_ssize_t index = bd_list_find(self, value, 0, PY_SSIZE_T_MAX);
    if (index == -1) PyErr_SetString(PyExc_ValueError, "list.remove(x): x not in list");
    return index < 0 || bd_list_splice(self, index, 1, NULL) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *bd_list_index(PyObject *self, PyObject *args) {
    PyObject *value;
    Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX, length;
    if (!PyArg_ParseTuple(args, "O|nn:index", &value, &start, &stop) || (length = bd_list_length(self)) < 0) return NULL;
    if (start < 0) start = start + length < 0 ? 0 : start + length;
    if (stop < 0) stop += length;
    Py_ssize_t index = bd_list_find(self, value, start, stop);
    if (index == -1) PyErr_Format(PyExc_ValueError, "%R is not in list", value);
    return index < 0 ? NULL : PyLong_FromSsize_t(index);
}

static PyObject *bd_list_count(PyObject *self, PyObject *value) {
    Py_ssize_t count = 0;
    for (Py_ssize_t at = 0; (at = bd_list_find(self, value, at, PY_SSIZE_T_MAX)) >= 0; at++) count++;
    return PyErr_Occurred() ? NULL : PyLong_FromSsize_t(count);
}

static int bd_list_contains(PyObject *self, PyObject *value) {
    Py_ssize_t index = bd_list_find(self, value, 0, PY_SSIZE_T_MAX);
    return index == -2 ? -1 : index >= 0;
}

static int bd_list_assign_all(PyObject *self, PyObject *values) {
    bd_cells *cells;
    bd_list_object *list = bd_list(self);
    if (bd_cells_take(list->document->state, bd_list_field(self), values, &cells) < 0) return -1;
    bd_typed_retain(list->document);
    int result = bd_typed_assign(list->document, list->record, bd_list_field(self), cells);
    bd_typed_release(list->document);
    bd_cells_drop(cells);
    return result;
}

/* list[start:stop:step] = values, or del (values NULL). */
static int bd_list_assign_slice(PyObject *self, PyObject *slice, PyObject *values) {
    Py_ssize_t start, stop, step, length;
    PyObject *given = values ? PySequence_List(values) : NULL;
    if ((values && !given) || PySlice_Unpack(slice, &start, &stop, &step) < 0 || (length = bd_list_length(self)) < 0) {
        Py_XDECREF(given);
        return -1;
    }
    Py_ssize_t count = PySlice_AdjustIndices(length, &start, &stop, step);
    int result = 0;
    if (step == 1 && (count < length || !given)) {
        bd_cells *cells = NULL;
        if (given) result = bd_cells_take(bd_list(self)->document->state, bd_list_field(self), given, &cells);
        if (result == 0) result = bd_list_splice(self, start, count, cells);
        bd_cells_drop(cells);
    } else if (step == 1) {
        result = bd_list_assign_all(self, given);
    } else if (given && PyList_Size(given) != count) {
        PyErr_Format(
            PyExc_ValueError, "attempt to assign sequence of size %zd to extended slice of size %zd", PyList_Size(given), count);
        result = -1;
    } else if (given) {
        bd_cells *cells;
        result = bd_cells_take(bd_list(self)->document->state, bd_list_field(self), given, &cells);
        for (Py_ssize_t i = 0; i < count && result == 0; i++) {
            bd_cells *one = calloc(1, sizeof *one + sizeof(bd_cell));
            if (!one) {
                PyErr_NoMemory();
                result = -1;
                break;
            }
            one->count = 1;
            one->items[0] = cells->items[i];
            cells->items[i].tag = BD_TAG_NONE;
            result = bd_list_splice(self, start + i * step, 1, one);
            bd_cells_drop(one);
        }
        if (cells) bd_cells_drop(cells);
    } else {
        if (step > 0) start += (count - 1) * step; /* from the end */
        for (Py_ssize_t i = 0, gap = step > 0 ? -step : step; i < count && result == 0; i++)
            result = bd_list_splice(self, start + i * gap, 1, NULL);
    }
    Py_XDECREF(given);
    return result;
}

static int bd_list_assign(PyObject *self, PyObject *key, PyObject *value) {
    if (PySlice_Check(key)) return bd_list_assign_slice(self, key, value);
    if (!PyIndex_Check(key)) {
        PyErr_SetString(PyExc_TypeError, "list indices must be integers or slices");
        return -1;
    }
    bd_cells *cells = value ? bd_list_one(self, value) : NULL;
    Py_ssize_t length = value && !cells ? -1 : bd_list_length(self);
    Py_ssize_t index = length < 0 ? -1 : bd_list_index_of(key, length);
    int result = index < 0 ? -1 : bd_list_splice(self, index, 1, cells);
    bd_cells_drop(cells);
    return result;
}

/* -- order ------------------------------------------------------------------------------------------------------------------ */

static int bd_list_permute(PyObject *self, const uint32_t *order, uint32_t count) {
    bd_list_object *list = bd_list(self);
    if (bd_typed_check(list->document) < 0) return -1;
    bd_typed_retain(list->document);
    int result = bd_typed_permute(list->document, list->record, bd_list_field(self), order, count);
    bd_typed_release(list->document);
    return result;
}

static PyObject *bd_list_reverse(PyObject *self, PyObject *ignored) {
    (void)ignored;
    Py_ssize_t length = bd_list_length(self);
    if (length < 0) return NULL;
    uint32_t *order = malloc((size_t)length * sizeof *order + 1);
    if (!order) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < length; i++) order[i] = (uint32_t)(length - 1 - i);
    int result = length < 2 ? 0 : bd_list_permute(self, order, (uint32_t)length);
    free(order);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* Indices, sorted by their keys: the sort itself is that of Python's lists. */
static PyObject *bd_list_sorted_indices(PyObject *keys, PyObject *reverse) {
    PyObject *range = PyObject_CallFunction((PyObject *)&PyRange_Type, "n", PyList_Size(keys));
    PyObject *indices = range ? PySequence_List(range) : NULL;
    PyObject *look_up = indices ? PyObject_GetAttrString(keys, "__getitem__") : NULL;
    PyObject *sort = look_up ? PyObject_GetAttrString(indices, "sort") : NULL;
    PyObject *keywords = sort ? Py_BuildValue("{s:O,s:O}", "key", look_up, "reverse", reverse) : NULL;
    PyObject *none = PyTuple_New(0);
    PyObject *done = keywords && none ? PyObject_Call(sort, none, keywords) : NULL;
    if (!done) Py_CLEAR(indices);
    PyObject *used[] = {range, look_up, sort, keywords, none, done};
    for (int i = 0; i < 6; i++) Py_XDECREF(used[i]);
    return indices;
}

static PyObject *bd_list_sort(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"key", "reverse", NULL};
    PyObject *key = Py_None, *reverse = Py_False;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OO:sort", names, &key, &reverse)) return NULL;
    bd_span span;
    PyObject *items = bd_list_all(self), *keys = items ? PyList_New(0) : NULL;
    for (Py_ssize_t i = 0; keys && i < PyList_Size(items); i++) {
        PyObject *item = PyList_GetItem(items, i);
        PyObject *made = key == Py_None ? Py_NewRef(item) : PyObject_CallFunctionObjArgs(key, item, NULL);
        if (!made || PyList_Append(keys, made) < 0) Py_CLEAR(keys);
        Py_XDECREF(made);
    }
    PyObject *indices = keys ? bd_list_sorted_indices(keys, reverse) : NULL;
    int result = indices ? bd_list_span(self, &span) : -1;
    Py_ssize_t count = indices ? PyList_Size(indices) : 0;
    uint32_t *order = result == 0 ? malloc((size_t)count * sizeof *order + 1) : NULL;
    if (result == 0 && !order) PyErr_NoMemory();
    if (!order) result = -1;
    bool is_sorted = true;
    for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
        order[i] = (uint32_t)PyLong_AsUnsignedLong(PyList_GetItem(indices, i));
        is_sorted = is_sorted && order[i] == (uint32_t)i;
    }
    if (result == 0 && !is_sorted) result = bd_list_permute(self, order, (uint32_t)count);
    free(order);
    Py_XDECREF(items);
    Py_XDECREF(keys);
    Py_XDECREF(indices);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* -- the rest of a sequence ---------------------------------------------------------------------------------------------------- */

static PyObject *bd_list_copy(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return bd_list_all(self);
}

static PyObject *bd_list_deepcopy(PyObject *self, PyObject *memo) {
    PyObject *copy = PyImport_ImportModule("copy"), *items = copy ? bd_list_all(self) : NULL;
    PyObject *made = items ? PyObject_CallMethod(copy, "deepcopy", "OO", items, memo) : NULL;
    Py_XDECREF(copy);
    Py_XDECREF(items);
    return made;
}

static PyObject *bd_list_reduce(PyObject *self, PyObject *ignored) {
    (void)ignored;
    PyObject *items = bd_list_all(self);
    return items ? Py_BuildValue("O(N)", (PyObject *)&PyList_Type, items) : NULL;
}

static bool bd_list_is(PyObject *self, PyObject *other) {
    return Py_TYPE(other) == bd_list(self)->document->state->kicad->list;
}

static PyObject *bd_list_compare(PyObject *self, PyObject *other, int operation) {
    if ((operation != Py_EQ && operation != Py_NE) ||
        !(PyList_Check(other) || PyTuple_Check(other) || bd_list_is(self, other)))
        Py_RETURN_NOTIMPLEMENTED;
    PyObject *left = bd_list_all(self), *right = left ? PySequence_List(other) : NULL;
    PyObject *result = right ? PyObject_RichCompare(left, right, operation) : NULL;
    Py_XDECREF(left);
    Py_XDECREF(right);
    return result;
}

static PyObject *bd_list_add(PyObject *left, PyObject *right) {
    PyObject *start = PySequence_List(left), *end = start ? PySequence_List(right) : NULL;
    PyObject *both = end ? PySequence_Concat(start, end) : NULL;
    Py_XDECREF(start);
    Py_XDECREF(end);
    return both;
}

/* As `+`: a plain list of the same objects. */
static PyObject *bd_list_repeat(PyObject *self, Py_ssize_t times) {
    PyObject *items = bd_list_all(self), *all = items ? PySequence_Repeat(items, times) : NULL;
    Py_XDECREF(items);
    return all;
}

/* As `+=`: what is put in is copied. */
static PyObject *bd_list_inplace_repeat(PyObject *self, Py_ssize_t times) {
    if (times == 1) return bd_list_length(self) < 0 ? NULL : Py_NewRef(self);
    if (times > 1) {
        PyObject *more = bd_list_repeat(self, times - 1), *grown = more ? bd_list_inplace_add(self, more) : NULL;
        Py_XDECREF(more);
        return grown;
    }
    PyObject *done = bd_list_clear(self, NULL);
    Py_XDECREF(done);
    return done ? Py_NewRef(self) : NULL;
}

#define BD_REPR_ITEMS_MAX 8

static PyObject *bd_list_repr(PyObject *self) {
    bd_span span;
    if (bd_list(self)->document->is_freed) return PyUnicode_FromString("<MutableList of a freed document>");
    PyObject *parts = bd_list_span(self, &span) < 0 ? NULL : PyList_New(0);
    for (uint32_t i = 0; parts && i < span.count && i < BD_REPR_ITEMS_MAX; i++) {
        PyObject *item = bd_list_at(self, &span, i), *shown = item ? PyObject_Repr(item) : NULL;
        if (!shown || PyList_Append(parts, shown) < 0) Py_CLEAR(parts);
        Py_XDECREF(item);
        Py_XDECREF(shown);
    }
    PyObject *comma = parts ? PyUnicode_FromString(", ") : NULL, *all = comma ? PyUnicode_Join(comma, parts) : NULL;
    Py_XDECREF(parts);
    Py_XDECREF(comma);
    PyObject *text = NULL;
    if (all && span.count <= BD_REPR_ITEMS_MAX) text = PyUnicode_FromFormat("[%U]", all);
    else if (all) text = PyUnicode_FromFormat("[%U, ... %u in all]", all, span.count);
    Py_XDECREF(all);
    if (text || PyErr_ExceptionMatches(PyExc_MemoryError)) return text;
    PyErr_Clear();
    return PyUnicode_FromString("<MutableList, unreadable>");
}

static PyObject *bd_list_iterate(PyObject *self) {
    bd_span span;
    bd_typed *document = bd_list(self)->document;
    if (bd_list_span(self, &span) < 0) return NULL;
    bd_list_iterator *iterator = PyObject_New(bd_list_iterator, document->state->kicad->iterator);
    if (!iterator) return NULL;
    iterator->document = document;
    iterator->own = span.own;
    iterator->offset = span.own || !span.count ? 0 : (size_t)(span.tags - document->tags);
    iterator->at = 0;
    iterator->count = span.count;
    iterator->field = bd_list(self)->field;
    bd_typed_retain(document);
    if (span.own) span.own->references++;
    return (PyObject *)iterator;
}

static PyObject *bd_list_reversed(PyObject *self, PyObject *ignored) {
    (void)ignored;
    PyObject *items = bd_list_all(self);
    if (!items || PyList_Reverse(items) < 0) {
        Py_XDECREF(items);
        return NULL;
    }
    PyObject *iterator = PyObject_GetIter(items);
    Py_DECREF(items);
    return iterator;
}

static PyObject *bd_list_iterator_next(PyObject *self) {
    bd_list_iterator *iterator = (bd_list_iterator *)self;
    bd_typed *document = iterator->document;
    if (iterator->at >= iterator->count || bd_typed_check(document) < 0) return NULL;
    uint32_t at = iterator->at++;
    const bd_struct_field *field = &bd_struct_fields[iterator->field];
    if (iterator->own) return bd_list_element(document, field, iterator->own->tags[at], iterator->own->slots[at]);
    size_t slot = iterator->offset + at;
    return bd_list_element(document, field, document->tags[slot], bd_load_u64(document->slots + slot * 8));
}

static PyObject *bd_list_iterator_hint(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return PyLong_FromUnsignedLong(((bd_list_iterator *)self)->count - ((bd_list_iterator *)self)->at);
}

static void bd_list_iterator_dealloc(PyObject *self) {
    bd_list_iterator *iterator = (bd_list_iterator *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (iterator->own) bd_own_list_release(iterator->own);
    bd_typed_release(iterator->document);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef bd_list_methods[] = {
    {"append", bd_list_append, METH_O, BD_DOC("append($self, value, /)", "Puts a copy of the value behind the last element.")},
    {"insert", bd_list_insert, METH_VARARGS,
     BD_DOC("insert($self, index, value, /)", "Puts a copy of the value before that element; a negative index means: behind the last.")},
    {"extend", bd_list_extend, METH_O, BD_DOC("extend($self, values, /)", "Appends copies of all values.")},
    {"pop", bd_list_pop, METH_VARARGS, BD_DOC("pop($self, index=-1, /)", "Removes an element and returns it; it stays readable.")},
    {"remove", bd_list_remove, METH_O, BD_DOC("remove($self, value, /)", "Removes this very object; of plain values the first equal one.")},
    {"clear", (PyCFunction)bd_list_clear, METH_VARARGS, BD_DOC("clear($self, /)", "Removes all elements.")},
    {"index", bd_list_index, METH_VARARGS, BD_DOC("index($self, value, start=0, stop=9223372036854775807, /)", "Where the value stands.")},
    {"count", bd_list_count, METH_O, BD_DOC("count($self, value, /)", "How often the value is in it.")},
    {"reverse", bd_list_reverse, METH_NOARGS, BD_DOC("reverse($self, /)", "In place; the objects stay what they are.")},
    {"sort", (PyCFunction)(void (*)(void))bd_list_sort, METH_VARARGS | METH_KEYWORDS,
     BD_DOC("sort($self, /, *, key=None, reverse=False)", "In place and stable; the objects stay what they are.")},
    {"copy", bd_list_copy, METH_NOARGS, BD_DOC("copy($self, /)", "A plain list of the same objects.")},
    {"__reversed__", bd_list_reversed, METH_NOARGS, NULL},
    {"__copy__", bd_list_copy, METH_NOARGS, NULL},
    {"__deepcopy__", bd_list_deepcopy, METH_O, NULL},
    {"__reduce_ex__", bd_list_reduce, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot bd_list_slots[] = {
    {Py_tp_dealloc, bd_list_dealloc}, {Py_tp_repr, bd_list_repr}, {Py_tp_richcompare, bd_list_compare},
    {Py_tp_hash, PyObject_HashNotImplemented}, {Py_tp_methods, bd_list_methods}, {Py_tp_iter, bd_list_iterate},
    {Py_sq_length, bd_list_length}, {Py_sq_item, bd_list_item}, {Py_sq_contains, bd_list_contains},
    {Py_sq_repeat, bd_list_repeat}, {Py_sq_inplace_repeat, bd_list_inplace_repeat},
    {Py_nb_add, bd_list_add}, {Py_nb_inplace_add, bd_list_inplace_add},
    {Py_mp_length, bd_list_length}, {Py_mp_subscript, bd_list_subscript}, {Py_mp_ass_subscript, bd_list_assign},
    {Py_tp_doc, "A list of a KiCad document. Changing it changes the document; what is put in is copied."}, {0, NULL},
};
PyType_Spec bd_list_spec = {
    "pyzig.MutableList", sizeof(bd_list_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, bd_list_slots};

static PyMethodDef bd_list_iterator_methods[] = {
    {"__length_hint__", bd_list_iterator_hint, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot bd_list_iterator_slots[] = {
    {Py_tp_dealloc, bd_list_iterator_dealloc}, {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, bd_list_iterator_next},
    {Py_tp_methods, bd_list_iterator_methods}, {0, NULL},
};
PyType_Spec bd_list_iterator_spec = {
    "bindd._bindd.MutableListIterator", sizeof(bd_list_iterator), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, bd_list_iterator_slots};
