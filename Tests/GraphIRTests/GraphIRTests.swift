import Testing
import GraphIR
