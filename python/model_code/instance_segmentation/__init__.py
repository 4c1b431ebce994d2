"""Instance segmentation: which objects does an image show, and which pixels belong to each of them?"""
