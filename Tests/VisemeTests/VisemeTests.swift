import Testing
import Viseme
