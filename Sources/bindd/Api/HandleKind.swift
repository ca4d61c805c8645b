// Names of the kinds of handle, for people and for JSON. The numbers are in bd_layout.h.

import CLayout
import SexpCore

enum HandleKind {
    static func name(_ kind: UInt32) -> String {
        switch kind {
        case BD_KIND_NODE: "NodeReference"
        case BD_KIND_EDGE: "EdgeReference"
        case BD_KIND_VIEW: "GraphView"
        case BD_KIND_BOUND_NODE: "BoundNode"
        case BD_KIND_BOUND_EDGE: "BoundEdge"
        case BD_KIND_PATH: "BFSPath"
        case BD_KIND_DOCUMENT: "Document"
        case BD_KIND_SEXP_LIST: "List"
        case BD_KIND_SEXP_ATOM: "Atom"
        case BD_KIND_WORKSPACE: "Workspace"
        case BD_KIND_TYPE_GRAPH: "TypeGraph"
        case BD_KIND_STRUCT: "Struct"
        case BD_KIND_FILE..<BD_KIND_FILE_END: files[Int(kind - BD_KIND_FILE)]
        default: "kind \(kind)"
        }
    }

    /// Kinds whose objects are documents: their numbers are of one series.
    static let documents: [UInt32] = [BD_KIND_DOCUMENT, BD_KIND_STRUCT] + (BD_KIND_FILE..<BD_KIND_FILE_END)

    static func of(_ document: TypedDocument) -> UInt32 {
        document.schema.formats.firstIndex { $0.file == document.type }.map { BD_KIND_FILE + UInt32($0) } ?? BD_KIND_STRUCT
    }

    /// The class of a whole file; with its module where an earlier format has a class of that name.
    private static let files: [String] = {
        let formats = KiCadSchema.files
        check(formats.count == Int(BD_KIND_FILE_END - BD_KIND_FILE), "\(formats.count) formats of files, BD_KIND_FILE_END")
        return formats.indices.map { index in
            let (module, name) = formats[index]
            return formats[..<index].contains { $0.name == name } ? "\(module).\(name)" : name
        }
    }()
}
