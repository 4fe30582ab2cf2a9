import Media
import Viseme

/// Why a head cannot be opened or made to talk. One clear line that names the file and the reason.
public enum HeadError: Error, Sendable, CustomStringConvertible {
  /// A manifest, a landmarks file or a bundle that is not as `Graphs/README.md` describes.
  case bundle(path: String, problem: String)
  /// No head of that name in any of the folders that were searched.
  case headNotFound(name: String, searched: [String])
  /// The picture cannot be animated: no face, several, too small, turned away.
  case portrait(path: String, problem: String)
  /// The face models that a user's own portrait needs are not installed.
  case faceModelsMissing(searched: [String])
  case media(MediaError)
  case model(VisemeError)
  /// The user stopped the work; what was written is complete.
  case cancelled

  public var description: String {
    switch self {
    case .bundle(let path, let problem): "\(path): \(problem)"
    case .headNotFound(let name, let searched):
      "there is no head “\(name)”; looked in \(searched.joined(separator: ", ")). "
        + "Give its folder with --head, or the folder that holds heads with VISEME_HEADS"
    case .portrait(let path, let problem): "\(path): \(problem)"
    case .faceModelsMissing(let searched):
      "the face models that find the mouth in a new portrait are not installed (looked in "
        + "\(searched.joined(separator: ", "))). Run Tools/get-face-models once, or give the face's landmarks with "
        + "--landmarks FILE, or leave out --portrait to use the bundled one"
    case .media(let error): "\(error)"
    case .model(let error): "\(error)"
    case .cancelled: "stopped"
    }
  }
}

/// Runs `body`, turning the errors of the rooms below into `HeadError`.
func reporting<Result>(_ body: () throws -> Result) throws(HeadError) -> Result {
  do {
    return try body()
  } catch let error as HeadError {
    throw error
  } catch let error as MediaError {
    throw .media(error)
  } catch let error as VisemeError {
    throw .model(error)
  } catch {
    fatalError("an error of an unexpected type: \(error)")
  }
}
