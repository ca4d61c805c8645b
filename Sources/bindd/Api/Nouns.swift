// The list of everything that is declared, in the order that numbers the operations. A new noun is added here and has a
// file of its own beside this one.

let declaredClasses: [ClassDeclaration] = [
    nodeReferenceDeclaration,
    edgeReferenceDeclaration,
    boundNodeDeclaration,
    boundEdgeDeclaration,
    bfsPathDeclaration,
    graphViewDeclaration,
    edgeCreationAttributesDeclaration,
    nodeCreationAttributesDeclaration,
    edgeCompositionDeclaration,
    edgeTraitDeclaration,
    traitDeclaration,
    edgePointerDeclaration,
    edgeInterfaceConnectionDeclaration,
    edgeOperandDeclaration,
    edgeTypeDeclaration,
    edgeNextDeclaration,
    typeGraphDeclaration,
    makeChildNodeDeclaration,
    linkerDeclaration,
]

let declaredFunctions: [FunctionDeclaration] = sexpFunctions + debugFunctions
