import Testing
import Head
