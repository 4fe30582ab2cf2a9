import GraphIR
import Testing
import Viseme

struct SessionTests {
  /// Two tensors into a sequence, of which one is read; the sequence itself is an output too.
  private func sequenceModel() throws -> Model {
    var graph = Graph(name: "test")
    let a = graph.addInput("a", TensorType(.float32, [.symbol("n")])), b = graph.addInput("b", TensorType(.float32, [.symbol("m")]))
    let place = graph.addConstant("place", Tensor(scalar: Int64(-1)))
    let all = graph.addValue("all"), last = graph.addValue("last")
    graph.nodes = [
      Node(operatorName: "SequenceConstruct", version: 17, inputs: [a, b], outputs: [all]),
      Node(operatorName: "SequenceAt", version: 17, inputs: [all, place], outputs: [last]),
    ]
    graph.outputs = [last, all]
    return try Model(graph, name: "test")
  }

  private let inputs: [String: Tensor] = ["a": Tensor([1, 2] as [Float]), "b": Tensor([3] as [Float])]

  @Test func valuesOfAnyKindComeOut() throws {
    let session = Session(try sequenceModel())
    let outputs = try session.run(values: inputs.mapValues(RuntimeValue.tensor))
    #expect(outputs["last"]?.tensor?.elements(as: Float.self) == [3])
    #expect(outputs["all"]?.sequence?.map { $0.tensor!.shape } == [[2], [1]])
    do {
      _ = try session.run(inputs)
      Issue.record("a sequence came out as a tensor")
    } catch {
      #expect("\(error)".contains("“all”"))
    }
  }

  @Test func resultsGoWhereTheCallerWantsThem() throws {
    let session = Session(try sequenceModel())
    let values = [inputs["a"]!, inputs["b"]!].map(RuntimeValue.tensor)
    let target = Tensor(.float32, [1])
    let outputs = try session.run(values: values, into: [target, nil])
    #expect(target.elements(as: Float.self) == [3])
    #expect(outputs[0].tensor?.baseAddress == target.baseAddress)
    #expect(throws: VisemeError.self) { _ = try session.run(values: values, into: [Tensor(.float32, [2]), nil]) }
  }

  @Test func absentOptionalsAndSequencesGoIn() throws {
    var graph = Graph(name: "test")
    let element = ValueType.tensor(TensorType(.float32, nil as [Dimension]?))
    let maybe = graph.addValue("maybe", type: .optional(element)), list = graph.addValue("list", type: .sequence(element))
    graph.inputs = [maybe, list]
    let has = graph.addValue("has"), count = graph.addValue("count")
    graph.nodes = [
      Node(operatorName: "OptionalHasElement", version: 18, inputs: [maybe], outputs: [has]),
      Node(operatorName: "SequenceLength", version: 18, inputs: [list], outputs: [count]),
    ]
    graph.outputs = [has, count]
    let session = Session(try Model(graph, name: "test"))
    let tensor = RuntimeValue.tensor(inputs["a"]!)
    let given = try session.run(values: ["maybe": tensor, "list": .sequence([tensor, tensor], of: element)])
    #expect(given["has"]?.tensor?.integers == [1] && given["count"]?.tensor?.integers == [2])
    let none = try session.run(values: ["maybe": .optional(nil, of: element), "list": .sequence([], of: element)])
    #expect(none["has"]?.tensor?.integers == [0] && none["count"]?.tensor?.integers == [0])
    #expect(throws: VisemeError.self) { _ = try session.run(values: ["maybe": tensor, "list": tensor]) }
  }

  @Test func runsEndWhenTheyAreStopped() throws {
    let session = Session(try sequenceModel())
    let cancellation = Cancellation()
    cancellation.cancel()
    for (options, kind) in [
      (RunOptions(timeLimit: 0), OperatorError.Kind.timeLimit), (RunOptions(cancellation: cancellation), .cancelled),
    ] {
      do {
        _ = try session.run(values: inputs.mapValues(RuntimeValue.tensor), options: options)
        Issue.record("it was not stopped")
      } catch {
        guard case .compiling(_, .operatorProblem(let problem)) = error else { throw error }
        #expect(problem.kind == kind)
      }
    }
    #expect(try session.run(values: inputs.mapValues(RuntimeValue.tensor)).count == 2)
  }

  @Test func onePlanIsRefusedWhereTypesDependOnContents() throws {
    let session = Session(try sequenceModel())
    do {
      _ = try session.invocation(["a": [2], "b": [1]])
      Issue.record("there is an invocation")
    } catch {
      #expect("\(error)".contains("SequenceConstruct"))
    }
  }
}
