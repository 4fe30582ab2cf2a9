import GraphIR
import Tensors

/// `com.microsoft` `NhwcConv` and `NhwcMaxPool`: what their namesakes do, with the channels last in the input, the
/// weights and the output.
///
/// The transpositions only rename axes where layouts are assigned.
struct ChannelsLastOperator: CompositeOperator {
  static let signatures = ["NhwcConv", "NhwcFusedConv", "NhwcMaxPool"].map { Signature($0, domain: Contributed.domain) }

  private let activation: FusedActivation?

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(node.node.operatorName == "NhwcMaxPool" ? 1...1 : 2...4)
    activation = try FusedActivation(node, parameters: try node.floats("activation_params") ?? [])
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let toFirst = [0, 3, 1, 2], toLast = [0, 2, 3, 1]
    let attributes = expansion.node.attributes.filter { !$0.key.hasPrefix("activation") }
    var inputs: [ValueID?] = [expansion.transpose(try expansion.input(0), toFirst)]
    let isPool = expansion.node.operatorName == "NhwcMaxPool"
    if !isPool {
      let weights = try expansion.input(1)
      // The fused form keeps its weights as `Conv` has them.
      inputs.append(expansion.node.operatorName == "NhwcConv" ? expansion.transpose(weights, toFirst) : weights)
      if let bias = expansion.optional(2) { inputs.append(bias) }
    }
    var y = expansion.apply(isPool ? "MaxPool" : "Conv", inputs, attributes)
    if let summand = expansion.optional(3) { y = expansion.add(y, expansion.transpose(summand, toFirst)) }
    if let activation { y = activation.apply(to: y, &expansion) }
    return [expansion.transpose(y, toLast)]
  }
}

/// `com.microsoft` `GroupNorm` and `SkipGroupNorm`: groups of the last axis normalized, then SiLU if asked for; the
/// latter adds a skip and a bias before and gives that sum as its second output.
struct ContributedGroupNormalization: CompositeOperator {
  static let signatures = ["GroupNorm", "SkipGroupNorm"].map { Signature($0, domain: Contributed.domain) }

  private let appliesSilu: Bool
  private let isChannelsLast: Bool
  private let attributes: [String: Attribute]

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(node.node.operatorName == "GroupNorm" ? 3...3 : 4...5)
    appliesSilu = try node.bool("activation", default: false)
    isChannelsLast = try node.bool("channels_last", default: true)
    guard let groups = try node.int("groups") else { throw node.invalid("the attribute “groups” is missing") }
    attributes = ["num_groups": .int(groups), "epsilon": .float(try node.float("epsilon", default: 1e-5))]
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var x = try expansion.input(0)
    if let skip = expansion.optional(3) {
      if let rank = try? expansion.rank(3), rank == 2 {
        x = expansion.add(x, expansion.unsqueeze(skip, isChannelsLast ? [1, 2] : [2, 3]))
      } else {
        x = expansion.add(x, skip)
      }
    }
    if let bias = expansion.optional(4) {
      x = expansion.add(x, isChannelsLast ? bias : expansion.unsqueeze(bias, [1, 2]))
    }
    let planes = isChannelsLast ? expansion.transpose(x, [0, 3, 1, 2]) : x
    var y = expansion.apply("GroupNormalization", [planes, try expansion.input(1), try expansion.input(2)], attributes)
    if appliesSilu { y = expansion.multiply(y, expansion.apply("Sigmoid", [y])) }
    return [isChannelsLast ? expansion.transpose(y, [0, 2, 3, 1]) : y, x]
  }
}
