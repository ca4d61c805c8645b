// The list of everything that is declared, in the order that numbers the operations. A new noun is added here and has a
// file of its own beside this one.

let declaredClasses: [ClassDeclaration] = [
    nodeReferenceDeclaration,
    edgeReferenceDeclaration,
    boundNodeDeclaration,
    boundEdgeDeclaration,
    bfsPathDeclaration,
    graphViewDeclaration,
]

let declaredFunctions: [FunctionDeclaration] = sexpFunctions + debugFunctions
