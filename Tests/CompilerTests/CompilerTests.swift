import Testing
import Compiler
