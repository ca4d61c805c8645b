/* The Python types of the KiCad models: all are made from the table, one function reads every field and one writes it.
 * An object is a document and the number of a record in it. repr, hash and == are local and cannot raise but for lack of
 * memory. Cost: reading a number 20 ns, a struct one small allocation; a constructed object is a document of its own.
 */
#include "bd_typed.h"

#include <stdlib.h>

extern struct PyModuleDef bd_module_definition;

#define BD_DOC(signature, text) signature "\n--\n\n" text

/* A field's number in its struct and among all fields: what a getter is given. */
static inline void *bd_closure(uint32_t index, uint32_t number) { return (void *)(uintptr_t)(index << 16 | number); }
static inline uint32_t bd_closure_index(void *closure) { return (uint32_t)(uintptr_t)closure >> 16; }
static inline uint32_t bd_closure_number(void *closure) { return (uint32_t)(uintptr_t)closure & 0xffff; }

static void bd_struct_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    bd_typed *document = bd_struct(self)->document;
    bd_kicad *kicad = document && !document->is_freed ? document->state->kicad : NULL;
    bool is_plain = kicad && kicad->types[bd_typed_type(document, bd_struct(self)->record)] == type;
    if (document) bd_typed_look_away(document, bd_struct(self)->record);
    if (document) bd_typed_release(document);
    if (!is_plain || !bd_spare_keep(kicad, self)) { /* of a derived class the memory is another */
        freefunc free_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
        free_object(self);
    }
    Py_DECREF(type);
}

/* The state and the number of the struct that a class is, or is derived from. NULL with TypeError. */
static bd_state *bd_struct_state(PyTypeObject *type, uint32_t *number) {
    for (PyTypeObject *base = type; base; base = (PyTypeObject *)PyType_GetSlot(base, Py_tp_base)) {
        PyObject *module = PyType_GetFlags(base) & Py_TPFLAGS_HEAPTYPE ? PyType_GetModule(base) : NULL;
        PyErr_Clear();
        if (!module || PyModule_GetDef(module) != &bd_module_definition) continue;
        bd_state *state = bd_state_of(module);
        for (uint32_t i = 0; state && state->kicad && i < BD_STRUCT_COUNT; i++) {
            if (state->kicad->types[i] != base) continue;
            *number = i;
            return state;
        }
    }
    PyErr_SetString(PyExc_TypeError, "not a struct of a KiCad model: use the classes of bindd.sexp.pcb and the like");
    return NULL;
}

/* -- fields ----------------------------------------------------------------------------------------------------------------- */

/* The document of an object that has such a field, to read from. Borrowed. */
static bd_typed *bd_struct_readable(PyObject *self, void *closure) {
    bd_typed *document = bd_struct(self)->document;
    if (bd_typed_check(document) < 0) return NULL;
    uint32_t type = bd_typed_type(document, bd_struct(self)->record);
    if (bd_structs[type].first_field + bd_closure_index(closure) == bd_closure_number(closure)) {
        bd_handle_use(document->workspace, document->listed, BD_USED_FIELD << BD_USED_SHIFT | bd_closure_number(closure));
        return document;
    }
    PyErr_SetString(PyExc_TypeError, "the object's class was changed: it has no such field"); /* through __class__ */
    return NULL;
}

static PyObject *bd_struct_get(PyObject *self, void *closure) {
    bd_typed *document = bd_struct_readable(self, closure);
    if (!document) return NULL;
    const bd_struct_field *field = &bd_struct_fields[bd_closure_number(closure)];
    uint32_t record = bd_struct(self)->record;
    if (field->flags & BD_FIELD_LIST) return bd_list_object_new(document, record, bd_closure_number(closure));
    bd_place place = bd_typed_place(document, record, bd_closure_index(closure));
    return bd_typed_read(document, field, *place.tag, bd_place_get(&place));
}

static int bd_struct_set(PyObject *self, PyObject *value, void *closure) {
    bd_typed *document = bd_struct_readable(self, closure);
    if (!document) return -1;
    const bd_struct_field *field = &bd_struct_fields[bd_closure_number(closure)];
    if (!value && !(field->flags & BD_FIELD_OPTIONAL)) {
        PyErr_Format(PyExc_AttributeError, "%s cannot be deleted: it is not optional", field->name);
        return -1;
    }
    bd_cell cell;
    if (bd_cell_take(document->state, field, false, value ? value : Py_None, &cell) < 0) return -1;
    bd_typed_retain(document);
    int result = bd_typed_check(document); /* the conversion may have run any code */
    if (result == 0) result = bd_typed_set(document, bd_struct(self)->record, bd_closure_index(closure), &cell);
    bd_typed_release(document);
    bd_cell_drop(&cell);
    return result;
}

/* -- making ----------------------------------------------------------------------------------------------------------------- */

static int bd_struct_fill(bd_typed *document, uint32_t type, PyObject *keywords) {
    bd_kicad *kicad = document->state->kicad;
    uint32_t first = bd_structs[type].first_field;
    Py_ssize_t given = 0;
    const bd_struct_field *absent = NULL;
    bool has_value = false;
    for (uint32_t i = 0; i < bd_structs[type].field_count; i++) {
        const bd_struct_field *field = &bd_struct_fields[first + i];
        PyObject *value = keywords ? PyDict_GetItemWithError(keywords, kicad->field_names[first + i]) : NULL;
        if (!value) {
            if (PyErr_Occurred()) return -1;
            if (field->flags & BD_FIELD_REQUIRED) {
                PyErr_Format(PyExc_TypeError, "__init__() missing required keyword-only argument: '%s'", field->name);
                return -1;
            }
            if (bd_typed_put_initial(document, 1, i, &field->initial) < 0) return -1;
            continue;
        }
        given++;
        if (value == Py_None && field->flags & BD_FIELD_ABSENT) { /* as its getter answers for some files */
            absent = field;
            continue;
        }
        has_value = has_value || value != Py_None;
        bd_cell cell;
        Py_INCREF(value);
        int result = bd_cell_take(document->state, field, false, value, &cell);
        Py_DECREF(value);
        if (result == 0) result = bd_typed_put(document, 1, i, &cell);
        bd_cell_drop(&cell);
        if (result < 0) return -1;
    }
    if (absent && !has_value) { /* no file has a struct of nothing */
        bd_cell cell;
        return bd_cell_take(document->state, absent, false, Py_None, &cell) < 0 ? -1 : 0;
    }
    if (!keywords || given == PyDict_Size(keywords)) return 0;
    PyObject *names = PyDict_Keys(keywords);
    for (Py_ssize_t i = 0; names && i < PyList_Size(names); i++) {
        PyObject *name = PyList_GetItem(names, i);
        bool is_known = false;
        for (uint32_t k = 0; k < bd_structs[type].field_count && !is_known && PyUnicode_Check(name); k++)
            is_known = PyUnicode_Compare(name, kicad->field_names[first + k]) == 0;
        if (!is_known) {
            PyErr_Format(PyExc_TypeError, "__init__() got an unexpected keyword argument %R: %s has no such field", name, bd_structs[type].name);
            break;
        }
    }
    Py_XDECREF(names);
    return PyErr_Occurred() ? -1 : 0;
}

static int bd_struct_init(PyObject *self, PyObject *args, PyObject *keywords) {
    uint32_t type;
    bd_state *state = bd_struct_state(Py_TYPE(self), &type);
    if (!state) return -1;
    if (PyTuple_Size(args)) {
        PyErr_SetString(PyExc_TypeError, "__init__() takes 0 positional arguments: name the fields");
        return -1;
    }
    if (bd_struct(self)->document) {
        PyErr_SetString(PyExc_TypeError, "__init__() was called before");
        return -1;
    }
    bd_typed *document = bd_typed_new(state, NULL);
    if (!document) return -1;
    int result = bd_typed_add(document, type) == 1 ? bd_struct_fill(document, type, keywords) : -1;
    if (result < 0 && !PyErr_Occurred()) PyErr_NoMemory();
    if (result == 0 && !bd_struct(self)->document) {
        bd_struct(self)->document = document;
        bd_struct(self)->record = 1;
    } else {
        bd_typed_release(document);
    }
    return result;
}

/* -- what all have ------------------------------------------------------------------------------------------------------------ */

static PyObject *bd_struct_compare(PyObject *self, PyObject *other, int operation) {
    bd_typed *document = bd_struct(self)->document;
    if ((operation != Py_EQ && operation != Py_NE) || !document || !bd_struct_check(document->state, other))
        Py_RETURN_NOTIMPLEMENTED;
    bool is_equal = document == bd_struct(other)->document && bd_struct(self)->record == bd_struct(other)->record;
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

static Py_hash_t bd_struct_hash(PyObject *self) {
    bd_typed *document = bd_struct(self)->document;
    uintptr_t place = document ? (uintptr_t)document : (uintptr_t)self;
    Py_hash_t hash = (Py_hash_t)(place / 16 * 31 + (document ? bd_struct(self)->record : 0));
    return hash == -1 ? -2 : hash;
}

/* Equal for two wrappers of one place, different for all others of the process. Of a whole document: its handle's id. */
static PyObject *bd_struct_address(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_typed *document = bd_struct(self)->document;
    if (!document) return PyLong_FromUnsignedLongLong(bd_debug_id(BD_KIND_CONSTRUCTED, 0, 0));
    uint32_t record = bd_struct(self)->record;
    if (document->kind && record == 1)
        return PyLong_FromUnsignedLongLong(bd_debug_id(document->kind, document->workspace->generation, document->index));
    return PyLong_FromUnsignedLongLong(
        bd_debug_id(document->workspace ? BD_KIND_PLACE : BD_KIND_CONSTRUCTED, document->index, record));
}

static PyObject *bd_struct_field_names(PyObject *class, PyObject *ignored) {
    (void)ignored;
    uint32_t type;
    bd_state *state = bd_struct_state((PyTypeObject *)class, &type);
    PyObject *names = state ? PyList_New(0) : NULL;
    for (uint32_t i = 0; names && i < bd_structs[type].field_count; i++)
        if (PyList_Append(names, state->kicad->field_names[bd_structs[type].first_field + i]) < 0) Py_CLEAR(names);
    return names;
}

/* What Python notes about the files of a document goes along with a copy of the whole: of a part it says nothing. Borrowed. */
static PyObject *bd_struct_facts(const bd_typed *document, uint32_t type) {
    return document->facts && bd_structs[type].file_kind ? document->facts : NULL;
}

static PyObject *bd_struct_copy(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_typed *document = bd_struct(self)->document;
    uint32_t record = bd_struct(self)->record;
    if (bd_typed_check(document) < 0) return NULL;
    uint32_t type = bd_typed_type(document, record);
    bd_typed_retain(document);
    bd_typed *copy = document->workspace ? bd_typed_fragment(document, record, document->workspace)
                                         : bd_typed_copy(document, record);
    PyObject *facts = bd_struct_facts(document, type);
    if (copy && facts && !(copy->facts = PyDict_Copy(facts))) {
        bd_typed_release(copy);
        copy = NULL;
    }
    bd_typed_release(document);
    PyObject *object = copy ? bd_struct_object_new(copy, 1, type) : NULL;
    if (copy) bd_typed_release(copy);
    return object;
}

/* Values of a constructed object, by name: lists as plain lists. */
static PyObject *bd_struct_values(bd_typed *document, uint32_t record) {
    const bd_struct_type *type = &bd_structs[bd_typed_type(document, record)];
    PyObject *values = PyDict_New();
    for (uint32_t i = 0; values && i < type->field_count; i++) {
        const bd_struct_field *field = &bd_struct_fields[type->first_field + i];
        bd_place place = bd_typed_place(document, record, i);
        PyObject *value, *list;
        if (field->flags & BD_FIELD_LIST) {
            list = bd_list_object_new(document, record, type->first_field + i);
            value = list ? PySequence_List(list) : NULL;
            Py_XDECREF(list);
        } else {
            value = bd_typed_read(document, field, *place.tag, bd_place_get(&place));
        }
        if (!value || PyDict_SetItemString(values, field->name, value) < 0) Py_CLEAR(values);
        Py_XDECREF(value);
    }
    return values;
}

static PyObject *bd_struct_reduce(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_typed *document = bd_struct(self)->document;
    uint32_t record = bd_struct(self)->record;
    if (bd_typed_check(document) < 0) return NULL;
    uint32_t type = bd_typed_type(document, record);
    const char *name = bd_structs[type].name;
    unsigned int flags = bd_typed_load_flags(document, record);
    bd_typed_retain(document);
    PyObject *content = document->workspace ? bd_typed_record_text(document, record) : bd_struct_values(document, record);
    PyObject *facts = bd_struct_facts(document, type);
    facts = facts ? PyDict_Copy(facts) : Py_NewRef(Py_None);
    PyObject *label = PyUnicode_FromString(facts != Py_None && document->label ? document->label : "");
    bd_typed_release(document);
    if (!facts || !label) Py_CLEAR(content);
    PyObject *models = content ? PyImport_ImportModule("bindd.sexp._models") : NULL;
    PyObject *restore = models ? PyObject_GetAttrString(models, "restore") : NULL;
    Py_XDECREF(models);
    if (!restore) {
        Py_XDECREF(content);
        Py_XDECREF(facts);
        Py_XDECREF(label);
        return NULL;
    }
    return Py_BuildValue("N(sNINN)", restore, name, content, flags, facts, label);
}

static PyObject *bd_struct_free(PyObject *self, PyObject *args, PyObject *keywords) {
    (void)args;
    (void)keywords;
    if (bd_struct(self)->document && bd_edit_free(bd_struct(self)->document) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *bd_struct_enter(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return Py_NewRef(self);
}

static PyObject *bd_struct_exit(PyObject *self, PyObject *args) { return bd_struct_free(self, args, NULL); }

/* -- repr: finite, one line ------------------------------------------------------------------------------------------------------ */

static PyObject *bd_repr_record(bd_typed *document, uint32_t record, int depth);

static PyObject *bd_repr_value(bd_typed *document, const bd_struct_field *field, const bd_place *place, int depth) {
    bd_span span;
    if (field->flags & BD_FIELD_LIST) {
        if (bd_typed_span(document, place, &span) < 0) return NULL;
        if (!span.count) return PyUnicode_FromString("[]");
        const char *of = field->kind == BD_FIELD_STRUCT ? bd_structs[field->of].name : "value";
        return PyUnicode_FromFormat("[%u %s%s]", span.count, of, span.count == 1 ? "" : "s");
    }
    if (*place->tag == BD_TAG_RECORD && field->kind == BD_FIELD_STRUCT) {
        uint64_t record = bd_place_get(place);
        if (bd_typed_is(document, record, field->of) < 0) return NULL;
        return bd_repr_record(document, (uint32_t)record, depth + 1);
    }
    PyObject *value = bd_typed_read(document, field, *place->tag, bd_place_get(place));
    if (value && PyUnicode_Check(value) && PyUnicode_GetLength(value) > 60) {
        PyObject *start = PyUnicode_Substring(value, 0, 57), *mark = start ? PyUnicode_FromString("...") : NULL;
        Py_DECREF(value);
        value = mark ? PyUnicode_Concat(start, mark) : NULL;
        Py_XDECREF(start);
        Py_XDECREF(mark);
    }
    PyObject *shown = value ? PyObject_Repr(value) : NULL;
    Py_XDECREF(value);
    return shown;
}

static PyObject *bd_repr_record(bd_typed *document, uint32_t record, int depth) {
    const bd_struct_type *type = &bd_structs[bd_typed_type(document, record)];
    const char *name = depth ? strchr(type->name, '.') + 1 : type->name;
    if (depth > 1 && type->field_count > 4) return PyUnicode_FromFormat("%s(...)", name);
    PyObject *parts = PyList_New(0);
    for (uint32_t i = 0; parts && i < type->field_count; i++) {
        const bd_struct_field *field = &bd_struct_fields[type->first_field + i];
        bd_place place = bd_typed_place(document, record, i);
        if (*place.tag == BD_TAG_NONE) continue;
        PyObject *value = bd_repr_value(document, field, &place, depth);
        PyObject *part = value ? PyUnicode_FromFormat("%s=%U", field->name, value) : NULL;
        if (!part || PyList_Append(parts, part) < 0) Py_CLEAR(parts);
        Py_XDECREF(value);
        Py_XDECREF(part);
    }
    PyObject *comma = parts ? PyUnicode_FromString(", ") : NULL, *all = comma ? PyUnicode_Join(comma, parts) : NULL;
    Py_XDECREF(parts);
    Py_XDECREF(comma);
    const char *gone = !depth && bd_typed_flags(document, record) & BD_RECORD_REMOVED ? "<removed> " : "";
    PyObject *shown = all ? PyUnicode_FromFormat("%s%s(%U)", gone, name, all) : NULL;
    Py_XDECREF(all);
    return shown;
}

PyObject *bd_struct_repr(PyObject *self) {
    bd_typed *document = bd_struct(self)->document;
    if (!document || document->is_freed) {
        PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__name__");
        PyObject *shown = name ? PyUnicode_FromFormat("<%U of %s>", name, document ? "a freed document" : "nothing: __init__ was not called") : NULL;
        Py_XDECREF(name);
        return shown;
    }
    PyObject *shown = bd_repr_record(document, bd_struct(self)->record, 0);
    if (shown || PyErr_ExceptionMatches(PyExc_MemoryError)) return shown;
    PyErr_Clear();
    return PyUnicode_FromFormat("<%s, unreadable>", bd_structs[bd_typed_type(document, bd_struct(self)->record)].name);
}

/* -- types --------------------------------------------------------------------------------------------------------------------------- */

static PyMethodDef bd_struct_methods[] = {
    {"__field_names__", bd_struct_field_names, METH_NOARGS | METH_CLASS,
     BD_DOC("__field_names__($type, /)", "Names of the fields, in order of declaration.")},
    {"__zig_address__", bd_struct_address, METH_NOARGS,
     BD_DOC("__zig_address__($self, /)", "The id that `bindd inspect handles` finds: of a file its handle's, else of the place in it. Equal for two objects of one place, different for others.")},
    {"__copy__", bd_struct_copy, METH_NOARGS, BD_DOC("__copy__($self, /)", "A copy with all that is in it.")},
    {"__deepcopy__", bd_struct_copy, METH_O, BD_DOC("__deepcopy__($self, memo, /)", "A copy with all that is in it.")},
    {"__reduce_ex__", bd_struct_reduce, METH_O, BD_DOC("__reduce_ex__($self, protocol, /)", "By text: nothing is lost.")},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef bd_file_methods[] = {
    {"free", (PyCFunction)(void (*)(void))bd_struct_free, METH_VARARGS | METH_KEYWORDS,
     BD_DOC("free($self, /, **ignored)", "Gives the document back. Its objects raise StaleHandleError from then on. Twice is once.")},
    {"__enter__", bd_struct_enter, METH_NOARGS, NULL},
    {"__exit__", bd_struct_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject *bd_struct_type_new(PyObject *module, bd_kicad *kicad, uint32_t type, PyGetSetDef *getset) {
    const bd_struct_type *declared = &bd_structs[type];
    PyType_Slot slots[] = {
        {Py_tp_dealloc, bd_struct_dealloc}, {Py_tp_init, bd_struct_init}, {Py_tp_getset, getset},
        {Py_tp_doc, (void *)declared->doc},
        {declared->file_kind ? Py_tp_methods : 0, declared->file_kind ? bd_file_methods : NULL}, {0, NULL},
    };
    for (uint32_t i = 0; i < declared->field_count; i++) {
        uint32_t number = declared->first_field + i;
        getset[i] = (PyGetSetDef){
            bd_struct_fields[number].name, bd_struct_get, bd_struct_set, bd_struct_fields[number].doc, bd_closure(i, number)};
    }
    PyType_Spec spec = {declared->name, sizeof(bd_struct_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, (PyObject *)kicad->base);
}

static int bd_kicad_fill(PyObject *module, bd_kicad *kicad) {
    PyType_Slot slots[] = {
        {Py_tp_dealloc, bd_struct_dealloc}, {Py_tp_init, bd_struct_init}, {Py_tp_repr, bd_struct_repr},
        {Py_tp_richcompare, bd_struct_compare}, {Py_tp_hash, bd_struct_hash}, {Py_tp_methods, bd_struct_methods},
        {Py_tp_new, PyType_GenericNew}, {Py_tp_doc, BD_DOC("Struct(**fields)", "What the structs of all KiCad models have in common.")}, {0, NULL},
    };
    PyType_Spec spec = {
        "bindd._bindd.Struct", sizeof(bd_struct_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    uint16_t inner = 0;
    for (uint32_t i = 0; i < BD_STRUCT_COUNT; i++) {
        kicad->inner_first[i] = inner;
        for (uint32_t k = 0; k < bd_structs[i].field_count; k++)
            if (bd_struct_fields[bd_structs[i].first_field + k].kind == BD_FIELD_STRUCT)
                kicad->inner_fields[inner++] = (uint16_t)(bd_structs[i].first_field + k);
    }
    kicad->inner_first[BD_STRUCT_COUNT] = inner;
    kicad->seen_words = PySet_New(NULL);
    kicad->getset = calloc(BD_STRUCT_FIELD_COUNT + BD_STRUCT_COUNT, sizeof *kicad->getset);
    if (!kicad->getset) PyErr_NoMemory();
    if (!kicad->seen_words || !kicad->getset) return -1;
    for (uint32_t i = 0; i < BD_STRUCT_FIELD_COUNT; i++)
        if (!(kicad->field_names[i] = PyUnicode_InternFromString(bd_struct_fields[i].name))) return -1;
    for (uint32_t i = 0; i < BD_ENUM_MEMBER_COUNT; i++)
        if (!(kicad->member_names[i] = PyUnicode_InternFromString(bd_members[i].name))) return -1;
    kicad->base = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    kicad->list = kicad->base ? (PyTypeObject *)PyType_FromModuleAndSpec(module, &bd_list_spec, NULL) : NULL;
    kicad->iterator = kicad->list ? (PyTypeObject *)PyType_FromModuleAndSpec(module, &bd_list_iterator_spec, NULL) : NULL;
    if (!kicad->iterator) return -1;
    for (uint32_t i = 0; i < BD_STRUCT_COUNT; i++) {
        PyGetSetDef *getset = kicad->getset + bd_structs[i].first_field + i;
        if (!(kicad->types[i] = bd_struct_type_new(module, kicad, i, getset))) return -1;
    }
    return PyModule_AddObjectRef(module, "Struct", (PyObject *)kicad->base) < 0 ||
                   PyModule_AddObjectRef(module, "MutableList", (PyObject *)kicad->list) < 0
               ? -1
               : 0;
}

int bd_kicad_init(PyObject *module, bd_state *state) {
    state->kicad = calloc(1, sizeof *state->kicad);
    if (!state->kicad) {
        PyErr_NoMemory();
        return -1;
    }
    return bd_kicad_fill(module, state->kicad);
}

int bd_kicad_traverse(bd_kicad *kicad, visitproc visit, void *arg) {
    if (!kicad) return 0;
    for (uint32_t i = 0; i < BD_STRUCT_COUNT; i++) Py_VISIT(kicad->types[i]);
    Py_VISIT(kicad->base);
    Py_VISIT(kicad->list);
    Py_VISIT(kicad->iterator);
    Py_VISIT(kicad->seen_words);
    return 0;
}

void bd_kicad_clear(bd_state *state) {
    bd_kicad *kicad = state->kicad;
    if (!kicad) return;
    for (uint32_t i = 0; i < BD_STRUCT_COUNT; i++) Py_CLEAR(kicad->types[i]);
    for (uint32_t i = 0; i < BD_STRUCT_FIELD_COUNT; i++) Py_CLEAR(kicad->field_names[i]);
    for (uint32_t i = 0; i < BD_ENUM_MEMBER_COUNT; i++) Py_CLEAR(kicad->member_names[i]);
    Py_CLEAR(kicad->base);
    Py_CLEAR(kicad->list);
    Py_CLEAR(kicad->iterator);
    Py_CLEAR(kicad->seen_words);
}

/* The types are gone by now: each holds the module. */
void bd_kicad_free(bd_state *state) {
    if (state->kicad) free(state->kicad->getset);
    while (state->kicad && state->kicad->spare) {
        void *memory = state->kicad->spare;
        memcpy(&state->kicad->spare, memory, sizeof(void *));
        PyObject_Free(memory);
    }
    free(state->kicad);
    state->kicad = NULL;
}
