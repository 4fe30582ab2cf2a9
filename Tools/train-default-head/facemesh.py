"""Which of the 468 FaceMesh landmarks are what."""

# Rows of nine from the outer to the inner edge of each lip, from the left of the picture to the right.
UPPER_LIP = [[185, 40, 39, 37, 0, 267, 269, 270, 409], [184, 74, 73, 72, 11, 302, 303, 304, 408],
             [183, 42, 41, 38, 12, 268, 271, 272, 407], [191, 80, 81, 82, 13, 312, 311, 310, 415]]
LOWER_LIP = [[146, 91, 181, 84, 17, 314, 405, 321, 375], [77, 90, 180, 85, 16, 315, 404, 320, 307],
             [96, 89, 179, 86, 15, 316, 403, 319, 325], [95, 88, 178, 87, 14, 317, 402, 318, 324]]
INNER_CORNERS = (78, 308)
UPPER_INNER, LOWER_INNER = 13, 14           # the middle of the inner edges
UPPER_OUTER, LOWER_OUTER = 0, 17            # the middle of the outer edges
UNDER_NOSE = 2
CORNERS = (61, 291)

# For each eye: edge of the upper lid, edge of the lower lid, crease above the upper lid.
LIDS = [([246, 161, 160, 159, 158, 157, 173], [7, 163, 144, 145, 153, 154, 155], [247, 30, 29, 27, 28, 56, 190]),
        ([466, 388, 387, 386, 385, 384, 398], [249, 390, 373, 374, 380, 381, 382], [467, 260, 259, 257, 258, 286, 414])]
BROWS = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 336, 296, 334, 293, 300, 276, 283, 282, 295, 285]
# For each brow: its upper and its lower edge, from the temple inwards.
BROW_EDGES = [([70, 63, 105, 66, 107], [46, 53, 52, 65, 55]), ([300, 293, 334, 296, 336], [276, 283, 282, 295, 285])]
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
SIDES, FOREHEAD, CHIN = (234, 454), 10, 152
