"""Prints Sources/Conversion/OperatorHistory+Table.swift, made from the schemas of the installed onnx package."""

import collections

import onnx.defs

# Changes of meaning that schemas do not show.
MEANING = {("Softmax", 13), ("LogSoftmax", 13), ("Hardmax", 13), ("Upsample", 10), ("Resize", 11), ("Scatter", 11),
           ("GroupNormalization", 21), ("GridSample", 20), ("BatchNormalization", 7), ("BatchNormalization", 14),
           ("Dropout", 12), ("Split", 18), ("Cast", 6), ("TopK", 10), ("Slice", 10), ("Pad", 11), ("Clip", 11),
           ("Dropout", 7), ("AveragePool", 7), ("Gemm", 7), ("DFT", 20), ("Reshape", 5)}
BROADCASTING = {"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Less", "Greater", "PRelu", "Gemm"}


def defaults(schema):
    return {name: (a.required, str(a.default_value), str(a.type)) for name, a in schema.attributes.items()}


def formal(parameters):
    return [(p.name, str(p.option)) for p in parameters]


def step(name, before, after):
    """The flag and details of a change, as `OperatorHistory` reads them."""
    old, new = defaults(before), defaults(after)
    single, maybe = "FormalParameterOption.Single", "FormalParameterOption.Optional"
    gone = set(old) - set(new)
    # What had to be given and may now be left out is no change for nodes that give it.
    changed = {
        key for key in set(old) & set(new)
        if old[key] != new[key] and not (old[key][0] and not new[key][0] and old[key][2] == new[key][2])}
    added = set(new) - set(old)
    inputs, outputs = (formal(getattr(before, key)) for key in ("inputs", "outputs"))
    later, made = (formal(getattr(after, key)) for key in ("inputs", "outputs"))
    same = (
        not gone and not changed and not any(new[key][0] for key in added)
        and len(later) >= len(inputs) and len(made) >= len(outputs)
        and all(a == b or (a, b) == (single, maybe) for (_, a), (_, b) in zip(inputs, later))
        and all(option != single for _, option in later[len(inputs):])
        and all(a == b for (_, a), (_, b) in zip(outputs, made))
        and (name, after.since_version) not in MEANING
        and not (name in BROADCASTING and after.since_version == 7))
    if not same:
        return "!"
    more = f"/{len(inputs)}" if len(later) > len(inputs) else ""
    return "=" + ",".join(sorted(added)) + more


history = collections.defaultdict(list)
for schema in onnx.defs.get_all_schemas_with_history():
    if schema.domain == "":
        history[schema.name].append(schema)
rows = []
for name, schemas in sorted(history.items()):
    schemas.sort(key=lambda schema: schema.since_version)
    text = [str(schemas[0].since_version)]
    for before, after in zip(schemas, schemas[1:]):
        text.append("x" + str(after.since_version) if after.deprecated else str(after.since_version) + step(name, before, after))
    rows.append(f"{name} {' '.join(text)}")
print("""extension OperatorHistory {
  /// One line for each operator of ONNX's own domain: its name, the opset that brought it, and the opsets that
  /// changed it. `=` stands behind a change after which older nodes mean the same, followed by the attributes it added
  /// and, after a slash, by the number of inputs there were before if there are more now; `!` behind one that changed
  /// their form or meaning; `x` before one that withdrew the operator.
  ///
  /// Made by `Tools/convert/operator_history.py` from the schemas of onnx """ + onnx.__version__ + """.
  package static let table = \"\"\"""")
print("\n".join("    " + row for row in rows))
print('    """\n}')
