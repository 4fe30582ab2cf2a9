import Testing
import Operators
